"""Figures in Prometheus' text format, named after OpenTelemetry's conventions for generative AI.

https://github.com/open-telemetry/semantic-conventions-genai, spelled as Prometheus spells them
(dots become underscores, the unit is a suffix).  Two things are ours: the buckets of histograms are
the ledger's, whose ends are powers of two in microseconds, for those of the convention cannot be
derived from them; and token usage is a counter, for the ledger adds tokens up without buckets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from llmrouter.core.conventions import CHAT, provider_name
from llmrouter.core.histogram import upper_edges_us
from llmrouter.core.records import Record
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.store.queries.totals import Total

PROMETHEUS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_US_PER_S: Final = 1_000_000

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]
"""A suffix of the family's name, labels, and the value."""


class Family(Record):
    """A metric: its name, what it says, and its samples."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[Sample]


def as_text(families: Iterable[Family]) -> str:
    """Everything as Prometheus reads it."""
    return "\n".join(line for family in families for line in _lines(family)) + "\n"


def gauge(name: str, text: str, values: Mapping[Labels, float]) -> Family:
    """What goes up and down."""
    return Family(name, "gauge", text, [("", labels, value) for labels, value in values.items()])


def counter(name: str, text: str, values: Mapping[Labels, float]) -> Family:
    """What only grows."""
    return Family(name, "counter", text, [("", labels, value) for labels, value in values.items()])


def ledger_families(totals: Sequence[Total]) -> Iterator[Family]:
    """What the ledger has added up since it began."""
    yield _histogram(
        "gen_ai_server_request_duration_seconds",
        "Time from a request's arrival to its end, fallbacks included",
        totals,
        "duration",
        "requests",
    )
    yield _histogram(
        "gen_ai_server_time_to_first_token_seconds",
        "Time from a request's arrival to the first token of its answer",
        [one for one in totals if one.ending == "completed"],
        "first_token",
        "first_tokens",
    )
    yield counter(
        "gen_ai_client_token_usage_total",
        "Tokens used, as far as they were counted; cached and reasoning tokens are part of these",
        _tokens(totals, {"input": "input_tokens", "output": "output_tokens"}),
    )
    yield counter(
        "llmrouter_token_class_total",
        "Tokens that were read from or written to a cache, and reasoning tokens",
        _tokens(
            totals,
            {
                "cache_read": "cache_read_tokens",
                "cache_write": "cache_write_tokens",
                "reasoning": "reasoning_tokens",
            },
        ),
    )
    yield counter(
        "llmrouter_requests_total",
        "Requests by how they ended",
        _sum(totals, lambda one: (("ending", one.ending),), "requests"),
    )
    yield counter(
        "llmrouter_attempts_total",
        "Calls to providers",
        {(): sum(one.amounts["attempts"] for one in totals)},
    )
    yield counter(
        "llmrouter_cost_usd_total",
        "Known cost in US dollars, failed calls included",
        {
            labels: nusd / NUSD_PER_USD
            for labels, nusd in _sum(totals, _target_labels, "cost_nusd").items()
        },
    )
    yield counter(
        "llmrouter_unknown_cost_requests_total",
        "Requests whose cost is not known as a whole",
        _sum(totals, _target_labels, "unknown_costs"),
    )
    yield counter(
        "llmrouter_category_requests_total",
        "Requests by category and by the routing mode that answered",
        _sum(
            [one for one in totals if one.category],
            lambda one: (("category", one.category), ("mode", one.mode)),
            "requests",
        ),
    )


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}."
    yield f"# TYPE {family.name} {family.kind}"
    for suffix, labels, value in family.samples:
        inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        shown = str(int(value)) if value == int(value) else repr(value)
        yield (
            f"{family.name}{suffix}{{{inside}}} {shown}"
            if inside
            else (f"{family.name}{suffix} {shown}")
        )


def _histogram(name: str, text: str, totals: Sequence[Total], measure: str, counted: str) -> Family:
    groups: dict[Labels, list[Total]] = {}
    for one in totals:
        groups.setdefault(_operation_labels(one), []).append(one)
    samples: list[Sample] = []
    for labels, members in groups.items():
        count = sum(one.amounts[counted] for one in members)
        if not count:
            continue
        buckets = [
            sum(sizes) for sizes in zip(*(m.histogram(measure) for m in members), strict=True)
        ]
        below = 0
        # The ledger's last bucket has no upper end: it is the one that Prometheus calls +Inf.
        for size, edge_us in list(zip(buckets, upper_edges_us(len(buckets)), strict=True))[:-1]:
            below += size
            edge = ("le", repr(edge_us / _US_PER_S))
            samples.append(("_bucket", (*labels, edge), below))
        seconds = sum(one.amounts[f"{measure}_us"] for one in members) / _US_PER_S
        samples += [
            ("_bucket", (*labels, ("le", "+Inf")), count),
            ("_sum", labels, seconds),
            ("_count", labels, count),
        ]
    return Family(name, "histogram", text, samples)


def _tokens(totals: Sequence[Total], classes: Mapping[str, str]) -> dict[Labels, float]:
    values: dict[Labels, float] = {}
    for kind, column in classes.items():

        def labelled(one: Total, kind: str = kind) -> Labels:
            return (*_target_labels(one), ("gen_ai_token_type", kind))

        values |= _sum([one for one in totals if one.amounts[column]], labelled, column)
    return values


def _sum(
    totals: Iterable[Total], labelled: Callable[[Total], Labels], column: str
) -> dict[Labels, float]:
    values: Counter[Labels] = Counter()
    for one in totals:
        values[labelled(one)] += one.amounts[column]
    return {labels: float(value) for labels, value in values.items()}


def _target_labels(one: Total) -> Labels:
    """What the convention requires of an operation; a request that no model answered has neither
    provider nor model."""
    named = (
        ("gen_ai_provider_name", provider_name(one.provider)),
        ("gen_ai_request_model", one.model),
    )
    return (("gen_ai_operation_name", CHAT), *(pair for pair in named if pair[1]))


def _operation_labels(one: Total) -> Labels:
    """These, and how it went wrong, if it did."""
    error = () if one.ending == "completed" else (("error_type", one.ending),)
    return (*_target_labels(one), *error)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
