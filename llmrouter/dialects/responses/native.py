"""The Responses API on both sides: requests and replies pass untouched.

Only ``model`` is set, and reasoning that another endpoint signed or encrypted is taken out, which
the API would answer with a 400.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.configuration import Quirk
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.documents import read_json, write_document
from llmrouter.dialects.interpreter import origin_name
from llmrouter.dialects.openai.encode import CLIENT_LIBRARY_FIELDS
from llmrouter.dialects.responses.interpreter import RESPONSES_PATH
from llmrouter.dialects.responses.native_reply import NativeReply
from llmrouter.dialects.responses.seals import Seal, read_seal
from llmrouter.dialects.wire import UNKNOWN_TARGET, CostOf, OutgoingRequest, TargetFacts


class NativeCodec(Record):
    """A `llmrouter.dialects.wire.Codec` that changes next to nothing."""

    def encode(
        self,
        request: ChatRequest,
        model: str,
        quirks: Sequence[Quirk] = (),
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> OutgoingRequest:
        return encode(request, model, quirks, facts)

    def reader(
        self,
        request: ChatRequest,
        *,
        content_type: str,
        event_bytes: int,
        body_bytes: int,
        cost_of: CostOf | None,
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> NativeReply:
        return NativeReply(
            stream=request.stream,
            event_bytes=event_bytes,
            body_bytes=body_bytes,
            cost_of=cost_of,
        )


def encode(
    request: ChatRequest, model: str, quirks: Sequence[Quirk], facts: TargetFacts
) -> OutgoingRequest:
    """The request for the provider's ``model``; every field that it can take passes."""
    losses = Losses()
    source = request.document
    if request.state_provider is not None and request.state_provider == facts.provider:
        # The provider knows the conversation: what the client sent says enough.
        source = read_json(request.body)
    document = {name: v for name, v in source.items() if name not in CLIENT_LIBRARY_FIELDS}
    document["model"] = model
    items = document.get("input")
    if isinstance(items, list):
        document["input"] = _unsealed(items, origin_name("responses", facts), losses)
        if "no_developer_role" in quirks:
            document["input"] = [_without_developer(item) for item in document["input"]]
    return OutgoingRequest(
        path=RESPONSES_PATH,
        headers={"content-type": "application/json", "accept": "application/json"},
        body=write_document(document),
        losses=losses.fields,
        notes=losses.notes,
    )


def _unsealed(items: list[Any], origin: str, losses: Losses) -> list[Any]:
    """The items with this endpoint's own reasoning opened, and without that of others."""
    kept: list[Any] = []
    for index, item in enumerate(items):
        made = _seal_of(item)
        if made is None:
            kept.append(item)
        elif made.origin == origin and made.kind == "encrypted":
            kept.append({**item, "encrypted_content": made.value})
        elif made.kind != "call":
            losses.drop(f"input.{index}", "another endpoint's model thought it")
        else:
            losses.drop(f"input.{index}.signature", "another vendor signed the call behind it")
    return kept


def _seal_of(item: Any) -> Seal | None:
    match item:
        case {"type": "reasoning", "encrypted_content": str(encrypted)}:
            return read_seal(encrypted)
        case _:
            return None


def _without_developer(item: Any) -> Any:
    match item:
        case {"role": "developer"}:
            return {**item, "role": "system"}
        case _:
            return item
