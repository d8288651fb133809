"""Ollama's dialect on both sides: requests and replies pass untouched, but for ``model``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmrouter.core.configuration import Quirk
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.documents import read_json, write_document
from llmrouter.dialects.framing import Frame, Framing
from llmrouter.dialects.ollama.address import CHAT_PATH, GENERATE_PATH
from llmrouter.dialects.ollama.reply_decoder import ReplyDecoder
from llmrouter.dialects.ollama.reply_encoder import NDJSON
from llmrouter.dialects.passed_reply import PassedReply
from llmrouter.dialects.wire import UNKNOWN_TARGET, CostOf, OutgoingRequest, TargetFacts

_GROWING = ("content", "thinking", "response", "tool_calls", "images", "logprobs")
"""Members that come in pieces; of all others the last one counts."""


class NativeCodec(Record):
    """A `llmrouter.dialects.wire.Codec` that changes next to nothing.

    No cost is added: Ollama's replies have no usage object that could hold it.
    """

    def encode(
        self,
        request: ChatRequest,
        model: str,
        quirks: Sequence[Quirk] = (),
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> OutgoingRequest:
        is_same = request.document.get("model") == model
        return OutgoingRequest(
            path=GENERATE_PATH if request.form == "generate" else CHAT_PATH,
            headers={"content-type": "application/json"},
            body=request.body if is_same else write_document({**request.document, "model": model}),
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
    ) -> PassedReply:
        return PassedReply(
            _OllamaPassage(), stream=request.stream, event_bytes=event_bytes, body_bytes=body_bytes
        )


class _OllamaPassage:
    """A `llmrouter.dialects.passed_reply.Passage`."""

    framing: Framing = "ndjson"
    content_type = NDJSON

    def __init__(self) -> None:
        self.decoder = ReplyDecoder(origin="", fallback_id="")

    def chunk(self, frame: Frame) -> bytes:
        if frame.raw != frame.data:
            return frame.raw
        # The last line without its end, or a reply in one piece, written over many.
        return write_document(read_json(frame.data)) + b"\n"

    def end(self) -> bytes:
        return b""

    def merge(self, chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        merged: dict[str, Any] = {}
        for chunk in chunks:
            message = _grown(merged.get("message"), chunk.get("message"))
            merged = _grown(merged, chunk)
            if message:
                merged["message"] = message
        return merged


def _grown(first: Any, second: Any) -> dict[str, Any]:
    """Two objects as one, with the texts and lists that come in pieces joined."""
    first = first if isinstance(first, dict) else {}
    second = second if isinstance(second, dict) else {}
    joined = {
        name: first[name] + second[name]
        for name in _GROWING
        if isinstance(first.get(name), str | list) and type(first[name]) is type(second.get(name))
    }
    return {**first, **second, **joined}
