"""What accounting learns from a reply's deltas, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Iterable

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    Delta,
    Finished,
    PartProduced,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallStarted,
    UsageReported,
)
from llmrouter.core.errors import AttemptError, FaultKind, Phase
from llmrouter.core.usage import Usage
from llmrouter.dialects.wire import Observed


class ReplyObserver:
    """Fills `Observed`, and knows whether the reply is complete."""

    def __init__(self) -> None:
        self.observed = Observed()
        self.finished: Finished | None = None
        self.usage: UsageReported | None = None
        self.calls_tools = False
        self.is_whole = False
        """The reply came in one piece."""
        self._faults: list[AttemptError] = []
        """At most the one that waits.  Whoever raises it lets go of it: its traceback holds all
        who were on the way, and us."""

    def collect(self, parts: Iterable[bytes]) -> bytes:
        """The parts joined.  A fault behind a token waits for `require_no_fault`, so that what
        stood before it reaches the client however the bytes were cut."""
        given: list[bytes] = []
        try:
            # One by one: what stands before a fault is kept.
            for part in parts:
                given.append(part)  # noqa: PERF402
        except AttemptError as fault:
            if not (any(given) and self.observed.first_token):
                raise
            self._faults.append(fault)
        return b"".join(given)

    def require_no_fault(self) -> None:
        """Raises the fault that waits, once; before more is read, in which there may be others."""
        if self._faults:
            raise self._faults.pop()

    def see(self, delta: Delta) -> None:
        """Takes in a delta."""
        seen = self.observed
        match delta:
            case Started():
                seen.response_model = delta.model or seen.response_model
                seen.service_tier = delta.service_tier or seen.service_tier
            case TextDelta() | ReasoningDelta() | RefusalDelta() | ArgumentsDelta():
                seen.add_text(delta.text)
                seen.first_token = seen.first_token or bool(delta.text)
            case ToolCallStarted():
                seen.add_text(delta.name)
                self.calls_tools = seen.first_token = True
            case PartProduced():
                seen.first_token = True
            case Finished():
                self.finished = delta
                seen.finish_reason = delta.reason
            case UsageReported():
                self._take_usage(delta)
            case _:
                pass

    def note(self, word: str) -> None:
        """Keeps a short word for the ledger, once."""
        if word not in self.observed.notes:
            self.observed.notes.append(word)

    def skip(self) -> None:
        """Counts an event that cannot be read and is left out."""
        self.observed.skipped_events += 1
        self.note("bad_event")

    def fault(self, kind: FaultKind, message: str) -> AttemptError:
        """A failure at the place that the reply has come to."""
        return AttemptError(kind, self.phase, message)

    @property
    def phase(self) -> Phase:
        """How far the reply has come."""
        if self.is_whole:
            return "body"
        return "stream" if self.observed.first_token else "first_token"

    def require_complete(self, *, is_over: bool) -> None:
        """Raises `AttemptError` (truncated, empty) unless the reply has ended.

        It has with a finish reason, or, after a token, with its terminator or in one piece.
        """
        has_token = self.observed.first_token
        if self.finished is not None:
            if not (is_over or self.is_whole or self.finished.closes):
                self.note("no_done")
        elif has_token and (is_over or self.is_whole):
            self.note("no_finish_reason")
        elif has_token:
            raise self.fault("truncated", "the provider's stream ended before it was complete")
        else:
            raise self.fault("empty", "the provider's reply held nothing")

    def _take_usage(self, report: UsageReported) -> None:
        self.usage = report
        if report.usage != Usage():
            self.observed.usage = report.usage
        self.observed.raw_usage = report.raw or None
        self.observed.service_tier = report.service_tier or self.observed.service_tier
        self.observed.reported_cost_nusd = report.cost_nusd
