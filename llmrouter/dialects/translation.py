"""Translation between any two dialects, through the core, never pairwise.

`TranslatingCodec` joins the interpreter of the client's dialect with that of the provider's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec import field

from llmrouter.core.chat.losses import Losses
from llmrouter.core.clock import Clock, SystemClock
from llmrouter.core.configuration import Quirk
from llmrouter.core.ids import show_id
from llmrouter.core.records import Record, replace
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.framing import Framer
from llmrouter.dialects.interpreter import Interpreter, ReplyContext, WriteTarget, origin_name
from llmrouter.dialects.tool_adapter import ToolAdapter
from llmrouter.dialects.translated_reply import TranslatedReply
from llmrouter.dialects.wire import UNKNOWN_TARGET, CostOf, OutgoingRequest, TargetFacts


class TranslatingCodec(Record):
    """A `llmrouter.dialects.wire.Codec` between two different dialects."""

    client: Interpreter
    provider: Interpreter
    clock: Clock = field(default_factory=SystemClock)

    def encode(
        self,
        request: ChatRequest,
        model: str,
        quirks: Sequence[Quirk] = (),
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> OutgoingRequest:
        losses = Losses(self.client.field_names)
        # Not every dialect says in the body whether it wants a stream.
        prompt = replace(self.client.read_request(request.document, losses), stream=request.stream)
        prompt = ToolAdapter(prompt.tools, self.provider.tool_rules).adapt(prompt)
        target = WriteTarget(model, origin_name(self.provider.name, facts), quirks, facts)
        document = self.provider.write_request(prompt, target, losses)
        return OutgoingRequest(
            path=self.provider.path(model, stream=prompt.stream),
            headers={"content-type": "application/json", **self.provider.headers()},
            body=write_document(document),
            losses=losses.fields,
            notes=losses.notes,
        )

    def reader(
        self,
        request: ChatRequest,
        *,
        content_type: str,
        event_bytes: int,
        body_bytes: int,
        cost_of: CostOf | None,
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> TranslatedReply:
        context = ReplyContext(
            origin=origin_name(self.provider.name, facts),
            model=request.model or "",
            fallback_id=_fallback_id(request),
            created_s=self.clock.now_us() // 1_000_000,
            stream=request.stream,
            include_usage=request.include_usage,
            request=request,
        )
        tools = self.client.read_tools(request.document, Losses())
        return TranslatedReply(
            decoder=self.provider.decoder(context),
            encoder=self.client.encoder(context),
            tools=ToolAdapter(tools, self.provider.tool_rules),
            framer=Framer(self.provider.framing, event_bytes=event_bytes, body_bytes=body_bytes),
            stream=request.stream,
            cost_of=cost_of,
        )


def _fallback_id(request: ChatRequest) -> str:
    """Our request's own characters, so that a reply is found in the ledger by its id."""
    if request.request_id is not None:
        return show_id(request.request_id).removeprefix("req_")
    return hashlib.sha256(request.body).hexdigest()[:24]
