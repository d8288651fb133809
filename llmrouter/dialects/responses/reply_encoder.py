"""Deltas, written as a reply of the Responses API.

Every item is announced before its first delta and completed before the next one begins;
``response.completed`` or ``response.incomplete``, with the whole reply in it, is the terminator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, assert_never

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    CitationDelta,
    Delta,
    Finished,
    PartEnded,
    PartProduced,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    SignatureDelta,
    Started,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageReported,
)
from llmrouter.core.chat.parts import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from llmrouter.dialects.fields import compact
from llmrouter.dialects.interpreter import ReplyContext
from llmrouter.dialects.responses.events import EventWriter, ItemEvents
from llmrouter.dialects.responses.open_items import (
    OpenCall,
    OpenClientCall,
    OpenItem,
    OpenMessage,
    OpenReasoning,
    WholeItem,
)
from llmrouter.dialects.responses.response_object import ResponseObject
from llmrouter.dialects.responses.seals import Kind, Seal, write_seal
from llmrouter.dialects.responses.tools_to_core import ToolNames


class ReplyEncoder:
    """Writes the events of one stream, or one whole response."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, context: ReplyContext) -> None:
        self.dropped: list[str] = []
        self._context = context
        self._response = ResponseObject(context)
        self._names = ToolNames(context.request.document if context.request else {})
        self._writer = EventWriter()
        self._output: list[dict[str, Any]] = []
        self._open: OpenItem | None = None
        self._has_started = False
        self._has_refused = False
        self._finished = Finished("stop")
        self._usage: UsageReported | None = None

    def write(self, delta: Delta) -> bytes:
        match delta:
            case Started():
                return self._start(delta)
            case TextDelta(text):
                return self._say("output_text", text)
            case RefusalDelta(text):
                self._has_refused = True
                return self._say("refusal", text)
            case CitationDelta(citation):
                return self._cite(citation)
            case ReasoningDelta(text):
                return self._think(text)
            case SignatureDelta(signature, origin):
                return self._seal_thoughts(Seal(origin, "signature", signature))
            case PartEnded():
                return self._end_part()
            case PartProduced(part):
                return self._produce(part)
            case ToolCallStarted():
                return self._call(delta)
            case ArgumentsDelta(text=text):
                return self._argue(text)
            case ToolCallEnded():
                return self._close()
            case Finished():
                self._finished = delta
                return b""
            case UsageReported():
                self._usage = delta
                return b""
            case _:
                assert_never(delta)

    def finish(self) -> tuple[bytes, bytes]:
        content = b"" if self._has_started else self._start(Started())
        content += self._explain_refusal()
        content += self._close()
        response = self._response.ended(self._output, self._finished, self._usage)
        return content, self._writer.write(f"response.{response['status']}", response=response)

    def whole(self, reply: Reply) -> Mapping[str, Any]:
        # The same way as a stream, whose events nobody reads.
        self.write(reply.started)
        for part in reply.parts:
            for delta in _unfold(part):
                self.write(delta)
        self._finished, self._usage = reply.finished, reply.usage
        self._explain_refusal()
        self._close()
        return self._response.ended(self._output, self._finished, self._usage)

    def _start(self, started: Started) -> bytes:
        if self._has_started:
            return b""
        self._has_started = True
        self._response.model = started.model or self._response.model
        response = self._response.open()
        return self._writer.write("response.created", response=response) + self._writer.write(
            "response.in_progress", response=response
        )

    def _say(self, kind: Literal["output_text", "refusal"], text: str) -> bytes:
        if not text:
            return b""
        before, message = self._message()
        return before + message.extend(kind, text)

    def _message(self) -> tuple[bytes, OpenMessage]:
        """The open message, and what it took to open it."""
        if isinstance(self._open, OpenMessage):
            return b"", self._open
        message = OpenMessage(self._events("msg_"))
        return self._begin(message), message

    def _cite(self, citation: Citation) -> bytes:
        if citation.url is None:
            self.dropped.append("citation")
            return b""
        before, message = self._message()
        annotation = {
            "type": "url_citation",
            "url": citation.url,
            "title": citation.title or "",
            "start_index": citation.start or 0,
            "end_index": citation.end or 0,
        }
        return before + message.annotate(annotation)

    def _think(self, text: str) -> bytes:
        if not text:
            return b""
        before, thoughts = self._thoughts()
        return before + thoughts.extend(text)

    def _thoughts(self) -> tuple[bytes, OpenReasoning]:
        if isinstance(self._open, OpenReasoning):
            return b"", self._open
        # Unsigned thoughts go back to the endpoint that had them, and to no other.
        own = write_seal(Seal(self._context.origin, "thought", ""))
        thoughts = OpenReasoning(self._events("rs_"), own)
        return self._begin(thoughts), thoughts

    def _seal_thoughts(self, made: Seal) -> bytes:
        before, thoughts = self._thoughts()
        thoughts.seal(write_seal(made))
        return before + self._close()

    def _end_part(self) -> bytes:
        if isinstance(self._open, OpenMessage):
            return self._open.end_part()
        return self._close() if isinstance(self._open, OpenReasoning) else b""

    def _produce(self, part: Image | Audio | File | Reasoning) -> bytes:
        match part:
            case Reasoning():
                kind: Kind = "signature" if part.encrypted is None else "encrypted"
                value = part.signature if part.encrypted is None else part.encrypted
                sealed = Seal(part.origin or self._context.origin, kind, value or "")
                return self._close() + self._think(part.text) + self._seal_thoughts(sealed)
            case Image(Inline(media_type, data)):
                picture = {
                    "type": "image_generation_call",
                    "status": "completed",
                    "output_format": media_type.partition("/")[2],
                    "result": data,
                }
                return self._begin(WholeItem(self._events("ig_"), picture)) + self._close()
            case Image() | Audio() | File():
                self.dropped.append(type(part).__name__.lower())
                return b""
            case _:
                assert_never(part)

    def _call(self, delta: ToolCallStarted) -> bytes:
        before = b""
        if delta.signature is not None:
            # A call has no slot for a signature, so a thought before it bears it.
            made = Seal(delta.origin or self._context.origin, "call", delta.signature)
            before = self._close() + self._seal_thoughts(made)
        tool = self._names.client_tool(delta.name)
        if tool is not None:
            return before + self._begin(
                OpenClientCall(self._events(tool.id_prefix), tool, delta.id)
            )
        namespace, name = self._names.split(delta.name)
        is_custom = delta.kind == "custom"
        members = compact(call_id=delta.id, name=name, namespace=namespace)
        events = self._events("ctc_" if is_custom else "fc_")
        return before + self._begin(OpenCall(events, members, is_custom=is_custom))

    def _argue(self, text: str) -> bytes:
        if text and isinstance(self._open, OpenCall | OpenClientCall):
            return self._open.extend(text)
        return b""

    def _explain_refusal(self) -> bytes:
        """A refusal that was told by the finish reason alone."""
        explanation = self._finished.explanation
        if self._finished.reason != "refusal" or self._has_refused or not explanation:
            return b""
        return self._say("refusal", explanation)

    def _events(self, prefix: str) -> ItemEvents:
        """For the item that comes next, which is the one after the open one."""
        index = len(self._output) + (self._open is not None)
        return ItemEvents(self._writer, index, f"{prefix}{self._context.fallback_id}_{index}")

    def _begin(self, item: OpenItem) -> bytes:
        before = b"" if self._has_started else self._start(Started())
        before += self._close()
        self._open = item
        return before + item.begin()

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        content, item = self._open.close()
        self._output.append(item)
        self._open = None
        return content


def _unfold(part: Part) -> Iterator[Delta]:
    """The deltas that a whole part is made of."""
    match part:
        case Text(text, citations=citations):
            yield TextDelta(text)
            for citation in citations:
                yield CitationDelta(citation)
            yield PartEnded()
        case Refusal(text):
            yield RefusalDelta(text)
            yield PartEnded()
        case Reasoning(text, signature=None, encrypted=None):
            yield ReasoningDelta(text)
            yield PartEnded()
        case Reasoning() | Image() | Audio() | File():
            yield PartProduced(part)
        case ToolCall():
            yield ToolCallStarted(0, part.id, part.name, part.kind, part.signature, part.origin)
            yield ArgumentsDelta(0, part.arguments)
            yield ToolCallEnded(0)
        case ToolResult():
            return
        case _:
            assert_never(part)
