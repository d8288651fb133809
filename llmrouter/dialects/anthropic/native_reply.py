"""An Anthropic provider's reply to an Anthropic client: bytes untouched, and watched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from llmrouter.core.chat.deltas import ArgumentsDelta, ReasoningDelta, TextDelta, UsageReported
from llmrouter.core.errors import AttemptError
from llmrouter.core.requests import ChatRequest
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.dialects.anthropic.reply_decoder import ReplyDecoder
from llmrouter.dialects.anthropic.reply_encoder import MESSAGE_STOP, ReplyEncoder
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame, Framer
from llmrouter.dialects.interpreter import ReplyContext
from llmrouter.dialects.observer import ReplyObserver
from llmrouter.dialects.refrain import Skimmer
from llmrouter.dialects.sse import encode_event
from llmrouter.dialects.tool_adapter import ToolAdapter, ToolRules
from llmrouter.dialects.translated_reply import TranslatedReply
from llmrouter.dialects.wire import CostOf

_SAYING = (TextDelta, ReasoningDelta, ArgumentsDelta)


class NativeReply(Skimmer):
    """Passes a reply on; one that is not streamed as asked is converted."""

    def __init__(
        self,
        request: ChatRequest,
        *,
        event_bytes: int,
        body_bytes: int,
        cost_of: CostOf | None,
    ) -> None:
        self._observer = ReplyObserver()
        super().__init__(self._observer.observed, event_bytes)
        self.content_type = ReplyEncoder.content_type if request.stream else "application/json"
        self._request = request
        self._cost_of = cost_of
        self._limits = {"event_bytes": event_bytes, "body_bytes": body_bytes}
        self._framer = Framer("sse", **self._limits)
        self._decoder = ReplyDecoder(origin="")
        self._terminator = MESSAGE_STOP
        self._converter: TranslatedReply | None = None

    def feed(self, data: bytes) -> bytes:
        self._observer.require_no_fault()
        return self._observer.collect(self.skim(data))

    def finish(self) -> tuple[bytes, bytes]:
        self._observer.require_no_fault()
        last = self._observer.collect(self._pass_frame(frame) for frame in self._framer.finish())
        if self._converter is not None:
            rest, terminator = self._converter.finish()
            return last + rest, terminator
        self._observer.require_no_fault()
        self._observer.require_complete(is_over=self._decoder.is_over)
        return (last, self._terminator) if self._request.stream else (b"", last)

    def read(self, data: bytes) -> Iterator[bytes]:
        return map(self._pass_frame, self._framer.feed(data))

    @property
    def is_between(self) -> bool:
        return self._framer.is_between_events

    def _pass_frame(self, frame: Frame) -> bytes:
        """The client's bytes for one event, or for the whole message."""
        if frame.is_comment:
            return frame.raw if self._request.stream else b""
        if frame.is_whole == self._request.stream:
            return self._convert(frame)
        self._observer.is_whole = frame.is_whole
        if self._decoder.is_over:
            self._observer.note("trailing")
            return b""
        reports = self._watch(frame)
        if reports is None:
            return b""
        if self._decoder.is_over:
            self._terminator = frame.raw
            return b""
        return self._with_cost(frame) if reports else frame.raw

    def _watch(self, frame: Frame) -> bool | None:
        """Takes in what accounting needs; whether usage was in it, None when nothing was."""
        text = self.text(frame.raw)
        if text is not None:
            self.observed.add_text(text)
            return False
        try:
            if frame.is_whole:
                deltas = list(self._decoder.read_whole(read_object(frame.data)))
            else:
                deltas = list(self._decoder.read_event(frame.name, frame.data))
        except AttemptError as error:
            error.phase = self._observer.phase
            raise
        except ValueError as error:
            if frame.is_whole:
                raise self._observer.fault("bad_body", "the reply is no JSON object") from error
            self._observer.skip()
            return None
        for delta in deltas:
            self._observer.see(delta)
        if self.is_learning:
            says_text = len(deltas) == 1 and isinstance(deltas[0], _SAYING)
            self.learn(self._decoder.refrain_of(frame) if says_text else None)
        return any(isinstance(delta, UsageReported) for delta in deltas)

    def _with_cost(self, frame: Frame) -> bytes:
        """The frame, with ``usage.cost`` once the usage is final and the provider said none."""
        usage = self.observed.usage
        is_final = self._observer.finished is not None
        if not is_final or usage is None or self._cost_of is None:
            return frame.raw
        cost_nusd = self._cost_of(usage)
        document = read_object(frame.data)
        reported = document.get("usage")
        if cost_nusd is None or not isinstance(reported, dict) or "cost" in reported:
            return frame.raw
        reported["cost"] = cost_nusd / NUSD_PER_USD
        written = write_document(document)
        return written if frame.is_whole else encode_event(written, frame.name)

    def _convert(self, frame: Frame) -> bytes:
        if self._converter is None:
            self._converter = self._new_converter()
        return self._converter.feed(frame.raw)

    def _new_converter(self) -> TranslatedReply:
        context = ReplyContext(
            origin="",
            model=self._request.model or "",
            fallback_id=hashlib.sha256(self._request.body).hexdigest()[:24],
            created_s=0,
            stream=self._request.stream,
            include_usage=True,
            seals=False,
        )
        return TranslatedReply(
            decoder=self._decoder,
            encoder=ReplyEncoder(context),
            tools=ToolAdapter((), ToolRules()),
            framer=Framer("sse", **self._limits),
            stream=self._request.stream,
            cost_of=self._cost_of,
            observer=self._observer,
        )
