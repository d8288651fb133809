"""Gemini's dialect on both sides: requests and replies pass untouched.

The model stands in the URL; signatures that this router put in the place of another vendor's are
taken out, which the API would answer with a 400.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.sealing import is_sealed
from llmrouter.core.configuration import Quirk
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.documents import read_json, write_document
from llmrouter.dialects.framing import Frame, Framing
from llmrouter.dialects.gemini.address import Operation, StreamForm, method_path
from llmrouter.dialects.gemini.model_facts import model_facts
from llmrouter.dialects.gemini.parts_to_core import NO_SIGNATURE
from llmrouter.dialects.gemini.reply_decoder import ReplyDecoder
from llmrouter.dialects.gemini.reply_encoder import Chunks
from llmrouter.dialects.passed_reply import PassedReply
from llmrouter.dialects.wire import UNKNOWN_TARGET, CostOf, OutgoingRequest, TargetFacts

_SIGNATURES = ("thoughtSignature", "thought_signature")


class NativeCodec(Record):
    """A `llmrouter.dialects.wire.Codec` that changes next to nothing.

    A provider is always asked for events, and the client gets the form that it asked for.  No cost
    is added: Google's libraries know no such field.
    """

    def encode(
        self,
        request: ChatRequest,
        model: str,
        quirks: Sequence[Quirk] = (),
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> OutgoingRequest:
        operation: Operation = "streamGenerateContent" if request.stream else "generateContent"
        return encode(request, model, operation)

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
            _GeminiPassage("array" if request.form == "array" else "sse"),
            stream=request.stream,
            event_bytes=event_bytes,
            body_bytes=body_bytes,
        )


def encode(request: ChatRequest, model: str, operation: Operation) -> OutgoingRequest:
    """The client's own document, at another model's address."""
    losses = Losses()
    document = _for_model(request.document, model, losses)
    return OutgoingRequest(
        path=method_path(model, operation),
        headers={"content-type": "application/json"},
        body=request.body if document is request.document else write_document(document),
        losses=losses.fields,
        notes=losses.notes,
    )


class _GeminiPassage:
    """A `llmrouter.dialects.passed_reply.Passage`."""

    framing: Framing = "sse"

    def __init__(self, form: StreamForm) -> None:
        self.decoder = ReplyDecoder(origin="", fallback_id="", refuses_broken_calls=False)
        self._is_array = form == "array"
        self._chunks = Chunks(form)
        self.content_type = self._chunks.content_type

    def chunk(self, frame: Frame) -> bytes:
        is_event = frame.raw != frame.data
        if is_event and not self._is_array:
            return frame.raw
        # A reply in one piece is written over many lines.
        return self._chunks.write(frame.data if is_event else write_document(read_json(frame.data)))

    def end(self) -> bytes:
        return self._chunks.end()

    def merge(self, chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        merged: dict[str, Any] = {}
        candidates: dict[int, dict[str, Any]] = {}
        for chunk in chunks:
            merged |= chunk
            for candidate in _objects(chunk.get("candidates")):
                index = candidate.get("index")
                known = candidates.setdefault(index if isinstance(index, int) else 0, {})
                content = {"parts": _parts(known) + _parts(candidate), "role": "model"}
                known |= {**candidate, "content": content}
        if candidates:
            merged["candidates"] = list(candidates.values())
        return merged


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _parts(candidate: Mapping[str, Any]) -> list[Any]:
    match candidate.get("content"):
        case {"parts": [*parts]}:
            return parts
        case _:
            return []


def _for_model(document: Mapping[str, Any], model: str, losses: Losses) -> Mapping[str, Any]:
    """The document itself, unless it names a model or holds what this router has sealed."""
    changed: dict[str, Any] = {}
    if isinstance(document.get("model"), str):
        changed["model"] = model if "/" in model else f"models/{model}"
    contents = document.get("contents")
    if isinstance(contents, list):
        cleaned = [
            _without_seals(content, model, f"contents.{index}", losses)
            for index, content in enumerate(contents)
        ]
        if any(new is not old for new, old in zip(cleaned, contents, strict=True)):
            changed["contents"] = [content for content in cleaned if content is not None]
    return {**document, **changed} if changed else document


def _without_seals(content: Any, model: str, at: str, losses: Losses) -> Any:
    """The content itself, unless another vendor's signatures are in it; None when nothing else
    was."""
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not any(_seal_in(part) for part in parts):
        return content
    kept: list[Any] = []
    for index, part in enumerate(parts):
        name = _seal_in(part)
        if name is None:
            kept.append(part)
            continue
        plain = {key: value for key, value in part.items() if key != name}
        if plain.get("thought") is True or not plain.get("text", True):
            losses.drop(f"{at}.parts.{index}", "another vendor's model thought it")
        elif "text" in plain or not model_facts(model).signs_calls:
            kept.append(plain)
        else:
            kept.append({**plain, name: NO_SIGNATURE})
    return {**content, "parts": kept} if kept else None


def _seal_in(part: Any) -> str | None:
    """The name of the member in which our seal stands."""
    if not isinstance(part, dict):
        return None
    return next(
        (n for n in _SIGNATURES if isinstance(part.get(n), str) and is_sealed(part[n])), None
    )
