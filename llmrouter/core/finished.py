"""A request that is over, as those outside are told of it: what happened, and nothing that was
said in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import field

from llmrouter.core.events import Event
from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.records import Record


class TraceContext(Record):
    """By what a request is known to those who trace it: https://www.w3.org/TR/trace-context/.

    ``span_id`` is the request's own, ``parent_span_id`` the client's.  Attempts have the numbers
    behind the request's, so that what was sent upstream needs no book.
    """

    trace_id: int
    span_id: int
    sampled: bool
    parent_span_id: int | None = None
    trace_state: str = ""
    propagated: bool = True
    """Whether providers are told."""

    def attempt_span_id(self, n: int) -> int:
        """The ``n``-th attempt's."""
        return self.span_id + n

    def traceparent(self, n: int) -> str:
        """The header for the ``n``-th attempt's provider."""
        return f"00-{self.trace_id:032x}-{self.attempt_span_id(n):016x}-{int(self.sampled):02x}"


class StageTime(NamedTuple):
    """When a stage began, in microseconds since the request was received, and how long it took."""

    name: str
    began_us: int
    duration_us: int


class FinishedRequest(Record):
    """One finished request, without its body.

    ``operation`` is ``gen_ai.operation.name``; ``addresses`` are the base URLs of the providers
    that were called; ``trace`` is None where nobody traces.
    """

    operation: str
    request: RequestRow
    attempts: tuple[AttemptRow, ...]
    events: tuple[Event, ...]
    stages: tuple[StageTime, ...]
    trace: TraceContext | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
