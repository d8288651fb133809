"""One provider's reply on its way into another dialect: `llmrouter.dialects.wire.ReplyReader`.

Streamed and whole replies take the same way: the decoder's deltas, put in order, to the encoder.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmrouter.core.chat.deltas import Delta, Finished, TextDelta, UsageReported, fold
from llmrouter.core.errors import AttemptError
from llmrouter.core.records import replace
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.framing import Frame, Framer
from llmrouter.dialects.interpreter import ReplyDecoder, ReplyEncoder
from llmrouter.dialects.observer import ReplyObserver
from llmrouter.dialects.refrain import Learner
from llmrouter.dialects.sequence import Sequencer
from llmrouter.dialects.tool_adapter import ToolAdapter
from llmrouter.dialects.wire import CostOf

_ENDING = (Finished, UsageReported)


class TranslatedReply:
    """Feeds a decoder, watches its deltas, and writes them with the client's encoder."""

    def __init__(
        self,
        *,
        decoder: ReplyDecoder,
        encoder: ReplyEncoder,
        tools: ToolAdapter,
        framer: Framer,
        stream: bool,
        cost_of: CostOf | None,
        observer: ReplyObserver | None = None,
    ) -> None:
        self.content_type = encoder.content_type if stream else "application/json"
        self._decoder = decoder
        self._encoder = encoder
        self._tools = tools
        self._framer = framer
        self._stream = stream
        self._cost_of = cost_of
        self._observer = observer or ReplyObserver()
        self._sequencer = Sequencer()
        self._learner = Learner()
        self._deltas: list[Delta] = []
        self.observed = self._observer.observed

    def feed(self, data: bytes) -> bytes:
        self._observer.require_no_fault()
        return self._observer.collect(self._read_frame(frame) for frame in self._framer.feed(data))

    def finish(self) -> tuple[bytes, bytes]:
        self._observer.require_no_fault()
        content = self._observer.collect(self._read_frame(frame) for frame in self._framer.finish())
        self._observer.require_no_fault()
        self._observer.require_complete(is_over=self._decoder.is_over)
        content += self._write(self._tools.restore(self._sequencer.finish()))
        content += self._write(self._ending())
        if self._stream:
            rest, last = self._encoder.finish()
        else:
            rest, last = b"", write_document(self._encoder.whole(fold(self._deltas)))
        for word in (*self._decoder.dropped, *self._encoder.dropped):
            self._observer.note(f"dropped:{word}")
        return content + rest, last

    def _read_frame(self, frame: Frame) -> bytes:
        """The client's bytes for one event of a stream, or for the whole reply."""
        if frame.is_comment:
            return b""
        if self._decoder.is_over:
            self._observer.note("trailing")
            return b""
        if frame.is_whole == self._stream:
            self._observer.note("converted")
        self._observer.is_whole = frame.is_whole
        kept: list[Delta] = []
        for delta in self._decode(frame):
            self._observer.see(delta)
            # The ending is told at the end, when it is known to be one.
            if not isinstance(delta, _ENDING):
                kept.append(delta)
        return self._write(self._tools.restore(self._sequencer.feed(kept)))

    def _decode(self, frame: Frame) -> list[Delta]:
        if text := self._learner.text(frame.raw):  # whether none is a delta, the decoder knows
            return [TextDelta(text)]
        try:
            if frame.is_whole:
                return list(self._decoder.read_whole(read_object(frame.data)))
            deltas = list(self._decoder.read_event(frame.name, frame.data))
        except AttemptError as error:
            error.phase = self._observer.phase
            raise
        except ValueError as error:
            if frame.is_whole:
                raise self._observer.fault("bad_body", "the reply is no JSON object") from error
            self._observer.skip()
            return []
        if self._learner.is_learning:
            says_text = len(deltas) == 1 and isinstance(deltas[0], TextDelta)
            self._learner.learn(self._decoder.refrain_of(frame) if says_text else None)
        return deltas

    def _write(self, deltas: Iterable[Delta]) -> bytes:
        if self._stream:
            return b"".join([self._encoder.write(delta) for delta in deltas])
        self._deltas.extend(deltas)
        return b""

    def _ending(self) -> list[Delta]:
        finished = self._observer.finished or Finished("stop")
        if finished.reason == "stop" and self._observer.calls_tools:
            # Several providers say "stop" after a tool call; agents would end their loop.
            finished = replace(finished, reason="tool_calls")
        self.observed.finish_reason = finished.reason
        usage = self._observer.usage
        if usage is None:
            return [finished]
        if usage.cost_nusd is None and self._cost_of is not None:
            usage = replace(usage, cost_nusd=self._cost_of(usage.usage))
        return [finished, usage]
