"""Metrics: histograms with the conventions' buckets, and what a request cost.

https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai/gen-ai-metrics.md)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from llmrouter import __version__
from llmrouter.core.finished import FinishedRequest
from llmrouter.core.ledger import AttemptRow
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.telemetry.attributes import (
    Told,
    of_attempt_measure,
    of_cost_measure,
    of_request_measure,
)

TOKEN_BUCKETS: Final = tuple(4**n for n in range(14))
DURATION_BUCKETS_S: Final = tuple(0.01 * 2**n for n in range(14))
FIRST_TOKEN_BUCKETS_S: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)

_US_PER_S: Final = 1_000_000


class Measures:
    """Measures finished requests; a thread of the library's sends the sums from time to time."""

    def __init__(self, resource: Resource, lost: Callable[[], int]) -> None:
        """``lost``: how many requests could not be told."""
        self._provider = MeterProvider(
            [PeriodicExportingMetricReader(OTLPMetricExporter())],
            resource=resource,
            shutdown_on_exit=False,
        )
        meter = self._provider.get_meter("llmrouter", __version__)
        self._requests = meter.create_histogram(
            "gen_ai.server.request.duration",
            "s",
            "Time from a request's arrival to its end, fallbacks included",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS_S,
        )
        self._first_tokens = meter.create_histogram(
            "gen_ai.server.time_to_first_token",
            "s",
            "Time from a request's arrival to the first token of its answer",
            explicit_bucket_boundaries_advisory=FIRST_TOKEN_BUCKETS_S,
        )
        self._attempts = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "Time that a call to a provider took",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS_S,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a call, cached and reasoning tokens included",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        )
        self._cost = meter.create_counter(
            "llmrouter.cost_usd", "{USD}", "Known cost in US dollars, failed calls included"
        )
        self._unknown_costs = meter.create_counter(
            "llmrouter.unknown_cost_attempts", "{attempt}", "Calls whose cost is not known"
        )

        def observed(_: CallbackOptions) -> Iterator[Observation]:
            yield Observation(lost())

        meter.create_observable_counter(
            "llmrouter.telemetry.lost_requests",
            [observed],
            "{request}",
            "Requests whose traces or metrics were lost on the way to the collector",
        )

    def measure(self, batch: Sequence[FinishedRequest]) -> bool:
        """Takes these into the sums."""
        for finished in batch:
            told, row, names = Told.by(finished), finished.request, of_request_measure(finished)
            self._requests.record(row.duration_us / _US_PER_S, names)
            if row.ending == "completed" and row.first_token_us is not None:
                self._first_tokens.record(row.first_token_us / _US_PER_S, names)
            for attempt in finished.attempts:
                self._measure_attempt(finished, attempt, told)
        return True

    def close(self, timeout_s: float) -> None:
        """Sends the sums once more."""
        self._provider.shutdown(timeout_millis=timeout_s * 1000)

    def _measure_attempt(self, finished: FinishedRequest, row: AttemptRow, told: Told) -> None:
        names = of_attempt_measure(finished, row, told)
        if row.duration_us is not None:
            failed = {"error.type": row.error_class} if row.error_class else {}
            self._attempts.record(row.duration_us / _US_PER_S, {**names, **failed})
        for kind, tokens in (("input", row.input_tokens), ("output", row.output_tokens)):
            if tokens is not None:
                counted = {"gen_ai.token.type": kind, "llmrouter.usage_source": row.usage_source}
                self._tokens.record(tokens, {**names, **counted})
        priced = of_cost_measure(finished, row)
        if row.cost_nusd is None:
            self._unknown_costs.add(1, priced)
        else:
            self._cost.add(row.cost_nusd / NUSD_PER_USD, priced)
