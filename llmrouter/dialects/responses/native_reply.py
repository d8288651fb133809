"""A provider's reply to a client of the Responses API: bytes untouched, and watched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmrouter.core.errors import AttemptError
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame, Framer
from llmrouter.dialects.observer import ReplyObserver
from llmrouter.dialects.responses.reply_decoder import DONE, ReplyDecoder
from llmrouter.dialects.responses.reply_encoder import ReplyEncoder
from llmrouter.dialects.responses.split import split_into_events
from llmrouter.dialects.sse import encode_event
from llmrouter.dialects.wire import CostOf

_SILENT_ITEMS = ("message", "reasoning")
"""Items that say nothing yet by beginning; others are calls, of the provider's own tools too."""


class NativeReply:
    """A `llmrouter.dialects.wire.ReplyReader`; a reply that is not streamed as asked is converted.

    The event that ends the stream, with the whole response in it, is the terminator.
    """

    def __init__(
        self, *, stream: bool, event_bytes: int, body_bytes: int, cost_of: CostOf | None
    ) -> None:
        self.content_type = ReplyEncoder.content_type if stream else "application/json"
        self._stream = stream
        self._cost_of = cost_of
        self._framer = Framer("sse", event_bytes=event_bytes, body_bytes=body_bytes)
        self._decoder = ReplyDecoder(origin="")
        self._observer = ReplyObserver()
        self._items: list[Any] = []
        self._last = b""
        self.observed = self._observer.observed

    def feed(self, data: bytes) -> bytes:
        self._observer.require_no_fault()
        return self._observer.collect(self._pass_all(self._framer.feed(data)))

    def finish(self) -> tuple[bytes, bytes]:
        self._observer.require_no_fault()
        frames = [_closed(frame) for frame in self._framer.finish()]
        content = self._observer.collect(self._pass_all(frames))
        self._observer.require_no_fault()
        self._observer.require_complete(is_over=self._decoder.is_over)
        return content, self._last

    def _pass_all(self, frames: list[Frame]) -> Iterator[bytes]:
        for frame in frames:
            if frame.is_comment:
                yield frame.raw if self._stream and not self.observed.done else b""
            elif self.observed.done:
                self._read_behind_end(frame)
            else:
                yield from self._pass(frame)

    def _pass(self, frame: Frame) -> Iterator[bytes]:
        """The client's bytes for one event, or for the whole response."""
        if frame.is_whole == self._stream:
            self._observer.note("converted")
        self._observer.is_whole = frame.is_whole
        document = self._watch(frame)
        if document is None:
            return
        if frame.is_whole:
            yield from self._pass_whole(frame, document)
        elif self._decoder.is_over:
            self._end(frame, document)
        elif self._stream:
            yield frame.raw
        elif document.get("type") == "response.output_item.done":
            self._items.append(document.get("item"))

    def _watch(self, frame: Frame) -> dict[str, Any] | None:
        """Takes in what accounting needs; None for what can't be read."""
        try:
            document = read_object(frame.data)
            if frame.is_whole:
                deltas = list(self._decoder.read_whole(document))
            else:
                deltas = list(self._decoder.read_document(frame.name, document))
        except AttemptError as error:
            error.phase = self._observer.phase
            raise
        except ValueError as error:
            if frame.is_whole:
                raise self._observer.fault("bad_body", "the reply is no JSON object") from error
            if frame.data.strip() != DONE:
                self._observer.skip()
            return None
        for delta in deltas:
            self._observer.see(delta)
        match document:
            case {"type": "response.output_item.added", "item": {"type": kind}}:
                # A provider's own tool may run for long before there is a text.
                self.observed.first_token |= kind not in _SILENT_ITEMS
            case _:
                pass
        return document

    def _pass_whole(self, frame: Frame, response: dict[str, Any]) -> Iterator[bytes]:
        has_cost = self._add_cost(response)
        if not self._stream:
            self._last = write_document(response) if has_cost else frame.raw
            return
        *events, self._last = split_into_events(response)
        yield from events

    def _end(self, frame: Frame, event: dict[str, Any]) -> None:
        """Holds the end back, until the ledger has the request."""
        self.observed.done = True
        response = event.get("response")
        if not isinstance(response, dict):
            response = event["response"] = {}
        has_cost = self._add_cost(response)
        if not self._stream:
            if not response.get("output"):
                # Some providers end with the usage alone.
                response["output"] = self._items
            self._last = write_document(response)
        elif has_cost:
            self._last = encode_event(write_document(event), frame.name)
        else:
            self._last = frame.raw

    def _read_behind_end(self, frame: Frame) -> None:
        if frame.data.strip() != DONE:
            self._observer.note("trailing")
        elif self._stream:
            self._last += frame.raw

    def _add_cost(self, response: dict[str, Any]) -> bool:
        """Adds ``usage.cost`` where it is known and the provider said none; whether it did."""
        usage = response.get("usage")
        if self._cost_of is None or not isinstance(usage, dict) or usage.get("cost") is not None:
            return False
        cost_nusd = self.observed.reported_cost_nusd
        if cost_nusd is None and self.observed.usage is not None:
            cost_nusd = self._cost_of(self.observed.usage)
        if cost_nusd is None:
            return False
        usage["cost"] = cost_nusd / NUSD_PER_USD
        return True


def _closed(frame: Frame) -> Frame:
    """An event at the end of a stream with its empty line, without which clients miss it."""
    if frame.is_whole or frame.raw.endswith((b"\n\n", b"\r\r", b"\r\n\r\n")):
        return frame
    return frame._replace(raw=frame.raw.rstrip(b"\r\n") + b"\n\n")
