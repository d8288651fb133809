"""Anthropic's dialect on both sides: requests and replies pass untouched.

Only ``model`` is set, and reasoning that another vendor signed is taken out, which the API would
answer with a 400.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.sealing import is_sealed
from llmrouter.core.configuration import Quirk
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.anthropic.interpreter import API_VERSION, MESSAGES_PATH
from llmrouter.dialects.anthropic.native_reply import NativeReply
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.wire import UNKNOWN_TARGET, CostOf, OutgoingRequest, TargetFacts

COUNT_PATH = f"{MESSAGES_PATH}/count_tokens"

_SEALED_FIELDS = {"thinking": "signature", "redacted_thinking": "data"}


class NativeCodec(Record):
    """A `llmrouter.dialects.wire.Codec` that changes next to nothing."""

    def encode(
        self,
        request: ChatRequest,
        model: str,
        quirks: Sequence[Quirk] = (),
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> OutgoingRequest:
        return encode(request, model, MESSAGES_PATH)

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
        return NativeReply(request, event_bytes=event_bytes, body_bytes=body_bytes, cost_of=cost_of)


def encode(request: ChatRequest, model: str, path: str) -> OutgoingRequest:
    """The client's own document with another model's name."""
    losses = Losses()
    document = {**request.document, "model": model}
    document["messages"] = [
        _without_foreign_reasoning(message, f"messages.{index}", losses)
        for index, message in enumerate(request.document["messages"])
    ]
    return OutgoingRequest(
        path=path,
        headers={
            "content-type": "application/json",
            "anthropic-version": API_VERSION,
            **request.headers,
        },
        body=write_document(document),
        losses=losses.fields,
        notes=losses.notes,
    )


def _without_foreign_reasoning(
    message: Mapping[str, Any], at: str, losses: Losses
) -> Mapping[str, Any]:
    """The message itself, unless another vendor's reasoning is in it."""
    content = message["content"]
    if message["role"] != "assistant" or not isinstance(content, list):
        return message
    kept = []
    for index, block in enumerate(content):
        secret = block.get(_SEALED_FIELDS.get(block["type"], ""))
        if isinstance(secret, str) and is_sealed(secret):
            losses.drop(f"{at}.content.{index}", "another vendor's model thought it")
        else:
            kept.append(block)
    return message if len(kept) == len(content) else {**message, "content": kept}
