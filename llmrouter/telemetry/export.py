"""The running export: what is told is queued, and threads of its own do the rest."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from llmrouter import __version__
from llmrouter.core.finished import FinishedRequest, TraceContext
from llmrouter.telemetry.measures import Measures
from llmrouter.telemetry.outbox import SAY_EVERY_S, Outbox
from llmrouter.telemetry.signals import Signal
from llmrouter.telemetry.spans import Spans
from llmrouter.telemetry.sparing import Sparing

WAITING_REQUESTS: Final = 2048
"""OTEL_BSP_MAX_QUEUE_SIZE; OpenTelemetry counts spans, a request has about eight."""

SEND_EVERY_MS: Final = 5000
"""OTEL_BSP_SCHEDULE_DELAY."""

MEASURE_EVERY_S: Final = 1.0
"""Measuring is a matter of memory; the library sends the sums when it likes."""

FLUSH_S: Final = 2.0
"""How long the router waits for a collector when it stops."""

_COMPLAINING: Final = (OTLPSpanExporter.__module__, OTLPMetricExporter.__module__)

_log = logging.getLogger(__name__)


class Export:
    """Tells finished requests to a collector; see `llmrouter.telemetry.opening.OpenTelemetry`."""

    def __init__(
        self, signals: Sequence[Signal], environment: Mapping[str, str], *, node: int
    ) -> None:
        """Raises whatever the library makes of its variables."""
        resource = _resource(node)
        most = _positive(environment, "OTEL_BSP_MAX_QUEUE_SIZE", WAITING_REQUESTS)
        every_ms = _positive(environment, "OTEL_BSP_SCHEDULE_DELAY", SEND_EVERY_MS)
        self._sparing = Sparing(_COMPLAINING, SAY_EVERY_S)
        self._sparing.spare()
        self._spans: Spans | None = None
        self._outboxes: list[Outbox[FinishedRequest]] = []
        self._closing: list[Callable[[], None]] = []
        if "traces" in signals:
            spans = self._spans = Spans(resource, propagated=_propagates(environment))
            self._open("traces", spans.export, spans.close, most, every_ms / 1000)
        if "metrics" in signals:
            measures = Measures(resource, lambda: sum(box.lost for box in self._outboxes))
            self._open(
                "metrics", measures.measure, lambda: measures.close(FLUSH_S), most, MEASURE_EVERY_S
            )

    def begin(self, headers: Mapping[str, str]) -> TraceContext | None:
        """By what a request will be known; None where traces are not exported."""
        if self._spans is None:
            return None
        try:
            return self._spans.begin(headers)
        except Exception:
            # The library's edge: a sampler may be anybody's, and a request goes on without it.
            _log.exception("OpenTelemetry: a request is not traced")
            return None

    def request_over(self, finished: FinishedRequest) -> None:
        """Takes up a finished request; returns at once."""
        for outbox in self._outboxes:
            outbox.put(finished)

    async def aclose(self) -> None:
        """Delivers what is waiting; a collector that takes its time is not waited for."""
        try:
            await self._deliver_the_rest()
        finally:
            self._sparing.stop()

    async def _deliver_the_rest(self) -> None:
        # Threads that nobody joins: an executor's would hold up the end of the process.
        closing = [
            threading.Thread(target=close, name="telemetry close", daemon=True)
            for close in self._closing
        ]
        for thread in closing:
            thread.start()
        until_s = time.monotonic() + FLUSH_S
        while any(thread.is_alive() for thread in closing):
            if time.monotonic() > until_s:
                _log.warning(
                    "OpenTelemetry: the collector did not take what was left within %g s", FLUSH_S
                )
                return
            await asyncio.sleep(0.01)

    def _open(
        self,
        signal: Signal,
        deliver: Callable[[Sequence[FinishedRequest]], bool],
        finish: Callable[[], None],
        most: int,
        every_s: float,
    ) -> None:
        outbox = Outbox(signal, deliver, most=most, every_s=every_s)

        def close() -> None:
            outbox.close()
            finish()

        self._outboxes.append(outbox)
        self._closing.append(close)


def _resource(node: int) -> Resource:
    """Who tells; the environment's word counts over ours."""
    ours = {
        "service.name": "llmrouter",
        "service.version": __version__,
        "service.instance.id": str(node),
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def _propagates(environment: Mapping[str, str]) -> bool:
    named = environment.get("OTEL_PROPAGATORS", "").strip() or "tracecontext,baggage"
    return "tracecontext" in (name.strip() for name in named.split(","))


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    """Raises ``ValueError``, with the variable's name."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or int(text) == 0:
        raise ValueError(f"{name} must be a whole number above 0, not `{text}`")
    return int(text)
