"""A reply as it comes into being, in no vendor's words, and a whole reply folded from it.

In order: `Started`; then parts, one after the other; then `Finished`; then `UsageReported`.  Text
and reasoning parts end where a delta of another kind begins, or with `PartEnded`.  A decoder may
interleave tool calls; `llmrouter.dialects.sequence` puts them one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, assert_never

from msgspec import field

from llmrouter.core.chat.parts import (
    Audio,
    Citation,
    File,
    Image,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from llmrouter.core.records import Record, Remarked, replace
from llmrouter.core.usage import Usage

FinishReason = Literal[
    "stop",
    "stop_sequence",
    "length",  # the request's limit
    "context_full",  # the model's limit
    "tool_calls",
    "refusal",  # the model's own
    "content_filter",  # somebody else's
    "paused",  # a provider's own tool loop waits to be continued
]


class Started(Remarked):
    """``id``, ``model`` and ``created_s`` (Unix seconds) as the provider said them; and at which
    service, where it says so before it counts anything."""

    remarks = frozenset({"service_tier"})

    id: str | None = None
    model: str | None = None
    created_s: int | None = None
    service_tier: str | None = None


class TextDelta(Record):
    text: str


class CitationDelta(Record):
    """Belongs to the text part that is open; where none is, it opens one."""

    citation: Citation


class ReasoningDelta(Record):
    text: str


class SignatureDelta(Record):
    """Completes the reasoning part that is open; without one, a reasoning part without text."""

    signature: str
    origin: str


class RefusalDelta(Record):
    text: str


class PartEnded(Record):
    """The open text or reasoning part is complete; what follows is another one."""


class PartProduced(Record):
    """A part that came in one piece: a picture, sound, a file, encrypted reasoning."""

    part: Image | Audio | File | Reasoning


class ToolCallStarted(Record):
    """``call`` numbers the calls of this reply; the other deltas of the call carry it."""

    call: int
    id: str
    name: str
    kind: Literal["function", "custom"] = "function"
    signature: str | None = None
    origin: str | None = None


class ArgumentsDelta(Record):
    call: int
    text: str


class ToolCallEnded(Record):
    call: int


class Finished(Remarked):
    """``stop_sequence`` is the one that was met; ``explanation`` says why a model refused.

    ``closes`` is set where the dialect has no terminator, so that this is all that ends a stream.
    """

    remarks = frozenset({"closes"})

    reason: FinishReason
    stop_sequence: str | None = None
    explanation: str | None = None
    closes: bool = False


class UsageReported(Remarked):
    """The tokens so far; the last report counts.  ``cost_nusd`` is what the client is told,
    ``service_tier`` the service at which they were made, where the provider says it."""

    remarks = frozenset({"service_tier"})

    usage: Usage
    raw: Mapping[str, Any] = field(default_factory=dict)
    cost_nusd: int | None = None
    service_tier: str | None = None


Delta = (
    Started
    | TextDelta
    | CitationDelta
    | ReasoningDelta
    | SignatureDelta
    | RefusalDelta
    | PartEnded
    | PartProduced
    | ToolCallStarted
    | ArgumentsDelta
    | ToolCallEnded
    | Finished
    | UsageReported
)


class Reply(Record):
    """A whole reply."""

    started: Started
    parts: tuple[Part, ...]
    finished: Finished
    usage: UsageReported | None = None


def fold(deltas: Iterable[Delta]) -> Reply:
    """The reply that the deltas build; without a `Finished`, it just stopped."""
    folder = _Folder()
    for delta in deltas:
        folder.add(delta)
    return folder.reply()


class _Folder:
    def __init__(self) -> None:
        self._started = Started()
        self._finished = Finished("stop")
        self._usage: UsageReported | None = None
        self._parts: list[Part] = []
        self._calls: dict[int, int] = {}
        self._pieces: dict[int, list[str]] = {}
        self._is_open = False

    def add(self, delta: Delta) -> None:
        match delta:
            case Started():
                self._started = delta
            case TextDelta():
                self._extend(Text, delta.text)
            case ReasoningDelta():
                self._extend(Reasoning, delta.text)
            case RefusalDelta():
                self._extend(Refusal, delta.text)
            case SignatureDelta():
                self._sign(delta)
            case CitationDelta():
                self._cite(delta.citation)
            case PartEnded():
                self._is_open = False
            case PartProduced():
                self._append(delta.part)
            case ToolCallStarted():
                self._calls[delta.call] = len(self._parts)
                self._append(
                    ToolCall(
                        delta.id,
                        delta.name,
                        "",
                        kind=delta.kind,
                        signature=delta.signature,
                        origin=delta.origin,
                    )
                )
            case ArgumentsDelta():
                self._pieces.setdefault(self._calls[delta.call], []).append(delta.text)
            case ToolCallEnded():
                pass
            case Finished():
                self._finished = delta
            case UsageReported():
                self._usage = delta
            case _:
                assert_never(delta)

    def reply(self) -> Reply:
        parts = [self._whole(index, part) for index, part in enumerate(self._parts)]
        return Reply(self._started, tuple(parts), self._finished, self._usage)

    def _whole(self, index: int, part: Part) -> Part:
        text = "".join(self._pieces.get(index, ()))
        match part:
            case Text() | Reasoning() | Refusal():
                return replace(part, text=text)
            case ToolCall():
                return replace(part, arguments=text)
            case _:
                return part

    def _append(self, part: Part) -> None:
        self._parts.append(part)
        self._is_open = False

    def _extend(self, kind: type[Text] | type[Reasoning] | type[Refusal], text: str) -> None:
        if not (self._is_open and isinstance(self._parts[-1], kind)):
            self._append(kind(""))
            self._is_open = True
        self._pieces.setdefault(len(self._parts) - 1, []).append(text)

    def _sign(self, delta: SignatureDelta) -> None:
        if not (self._is_open and isinstance(self._parts[-1], Reasoning)):
            self._append(Reasoning())
        last = self._parts[-1]
        if isinstance(last, Reasoning):
            self._parts[-1] = replace(last, signature=delta.signature, origin=delta.origin)
        self._is_open = False

    def _cite(self, citation: Citation) -> None:
        self._extend(Text, "")
        part = self._parts[-1]
        if isinstance(part, Text):
            self._parts[-1] = replace(part, citations=(*part.citations, citation))
