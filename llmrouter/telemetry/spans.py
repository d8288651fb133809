"""Spans: one for a request, and under it one for each stage and each attempt.

They are made when all is over, from what the ledger was given, with the moments that stand there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from llmrouter import __version__
from llmrouter.core.conventions import CHAT
from llmrouter.core.events import (
    AccountLocked,
    AttemptFailed,
    AttemptFirstToken,
    BreakerOpened,
    Event,
    FallbackTaken,
    HedgeTaken,
    RetryWithheld,
    TargetCooldown,
)
from llmrouter.core.finished import FinishedRequest, StageTime, TraceContext
from llmrouter.core.ledger import AttemptRow
from llmrouter.core.records import as_mapping
from llmrouter.telemetry.attributes import Told, of_attempt, of_request, span_name

_TOLD: Final = (
    FallbackTaken,
    HedgeTaken,
    RetryWithheld,
    TargetCooldown,
    AccountLocked,
    BreakerOpened,
)
"""Events of the ledger that become events of the request's span."""

_NS_PER_US: Final = 1000
_NOT_OURS: Final = range(400, 500)
"""A server's span is no error where the client's request was."""


class Spans:
    """Makes spans of finished requests and exports them."""

    def __init__(self, resource: Resource, *, propagated: bool) -> None:
        """``propagated``: clients' traces are gone on with, and providers are told."""
        self._propagated = propagated
        self._propagator = TraceContextTextMapPropagator()
        self._ids = _GivenIds()
        self._made = _Made()
        self._provider = TracerProvider(
            resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(self._made)
        self._tracer = self._provider.get_tracer("llmrouter", __version__)
        self._exporter = OTLPSpanExporter()

    def begin(self, headers: Mapping[str, str]) -> TraceContext:
        """A request's place in its client's trace, or in one of its own.  What a client says that
        is no trace context is as if it had not been said."""
        context = self._propagator.extract(headers, Context()) if self._propagated else Context()
        parent = get_current_span(context).get_span_context()
        # Random numbers of our own: `_ids` belongs to the exporting thread.
        numbers = RandomIdGenerator()
        trace_id = parent.trace_id if parent.is_valid else numbers.generate_trace_id()
        sampled = self._provider.sampler.should_sample(context, trace_id, CHAT, SpanKind.SERVER)
        return TraceContext(
            trace_id=trace_id,
            span_id=max(1, numbers.generate_span_id() >> 1),  # leaves room for attempts' behind it
            sampled=sampled.decision is Decision.RECORD_AND_SAMPLE,
            parent_span_id=parent.span_id if parent.is_valid else None,
            trace_state=parent.trace_state.to_header() if parent.is_valid else "",
            propagated=self._propagated,
        )

    def export(self, batch: Sequence[FinishedRequest]) -> bool:
        """Makes and sends the spans of these; whether they arrived."""
        for finished in batch:
            if finished.trace is not None and finished.trace.sampled:
                self._make(finished, finished.trace)
        spans = self._made.take()
        return not spans or self._exporter.export(spans) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Lets go of the collector."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # theirs has no annotation

    def _make(self, finished: FinishedRequest, trace: TraceContext) -> None:
        told, row = Told.by(finished), finished.request
        self._ids.give(trace.trace_id, trace.span_id)
        span = self._tracer.start_span(
            span_name(finished, told),
            _parent(trace),
            SpanKind.SERVER,
            of_request(finished, told),
            start_time=row.started_us * _NS_PER_US,
        )
        if row.ending not in ("completed", "disconnected") and row.http_status not in _NOT_OURS:
            span.set_status(Status(StatusCode.ERROR, row.error_class or row.ending))
        for event in finished.events:
            if isinstance(event.data, _TOLD):
                _tell(span, event, row.started_us)
        under = set_span_in_context(span, Context())
        for stage in finished.stages:
            self._make_stage(stage, under, row.started_us)
        for attempt in finished.attempts:
            self._make_attempt(finished, attempt, told, under)
        # Closing stages end after the time that the ledger knows: one of them writes it there.
        ends_us = [stage.began_us + stage.duration_us for stage in finished.stages]
        span.end((row.started_us + max([row.duration_us, *ends_us])) * _NS_PER_US)

    def _make_stage(self, stage: StageTime, under: Context, started_us: int) -> None:
        began_us = started_us + stage.began_us
        span = self._tracer.start_span(stage.name, under, start_time=began_us * _NS_PER_US)
        span.end((began_us + stage.duration_us) * _NS_PER_US)

    def _make_attempt(
        self, finished: FinishedRequest, row: AttemptRow, told: Told, under: Context
    ) -> None:
        if finished.trace is not None:
            self._ids.give(finished.trace.trace_id, finished.trace.attempt_span_id(row.n))
        span = self._tracer.start_span(
            f"{finished.operation} {row.model}",
            under,
            SpanKind.CLIENT,
            of_attempt(finished, row, told),
            start_time=row.started_us * _NS_PER_US,
        )
        ended = told.ended.get(row.n)
        if isinstance(ended, AttemptFailed) and row.outcome != "cancelled":
            span.set_status(Status(StatusCode.ERROR, ended.reason))
        if row.first_token_us is not None:
            at_us = row.started_us + row.first_token_us
            span.add_event(AttemptFirstToken.kind, timestamp=at_us * _NS_PER_US)
        span.end((row.started_us + (row.duration_us or 0)) * _NS_PER_US)


class _GivenIds(RandomIdGenerator):
    """Numbers that were settled before the span was made, else random ones."""

    def __init__(self) -> None:
        self._given: list[int] = []
        self._given_trace_id: int | None = None

    def give(self, trace_id: int, span_id: int) -> None:
        """The next span's."""
        self._given_trace_id, self._given = trace_id, [span_id]

    def generate_trace_id(self) -> int:
        return self._given_trace_id or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self._given.pop() if self._given else super().generate_span_id()


class _Made(SpanProcessor):
    """Collects what has ended."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._spans.append(span)

    def take(self) -> list[ReadableSpan]:
        """All so far."""
        spans, self._spans = self._spans, []
        return spans


def _parent(trace: TraceContext) -> Context:
    """The client's span, if it has one."""
    if trace.parent_span_id is None:
        return Context()
    remote = SpanContext(
        trace.trace_id,
        trace.parent_span_id,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([trace.trace_state]),
    )
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _tell(span: Span, event: Event, started_us: int) -> None:
    attributes = {
        f"llmrouter.{name}": value
        for name, value in as_mapping(event.data).items()
        if value is not None
    }
    span.add_event(event.kind, attributes, (started_us + event.dt_us) * _NS_PER_US)
