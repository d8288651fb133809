"""A request's rows and the breakers' positions, folded from events: events are the truth.

The account stage folds what it has emitted, and start-up folds what a killed process left behind;
so the ledger's rows can never say something else than its events.  Every prefix of a legal
sequence of events folds: what is missing at its end is `abandoned` and `lost`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from llmrouter.core.events import (
    AttemptFailed,
    AttemptFirstToken,
    AttemptRepriced,
    AttemptStarted,
    AttemptSucceeded,
    BreakerClosed,
    BreakerHalfOpened,
    BreakerOpened,
    BreakerReset,
    Event,
    RequestClassified,
    RequestFinished,
    RequestReceived,
    RequestRecovered,
    RequestValidated,
)
from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.usage import CostBasis, sum_of_known
from llmrouter.policy.breaker import Position, after_event

STATUS_UNSEEN: Final = 0
"""``http_status`` of an abandoned request: nobody knows what its client saw."""

_BASES: Final[tuple[CostBasis, ...]] = ("provider_reported", "computed", "estimated", "unknown")


class FoldedBreaker(NamedTuple):
    """A breaker's position, and until when (wall clock, µs) an open one stays so."""

    position: Position
    open_until_us: int | None


class _Call:
    """What the events say of one attempt."""

    __slots__ = ("began_us", "ended", "first_token_us", "repriced", "started")

    def __init__(self, started: AttemptStarted, began_us: int) -> None:
        self.started = started
        self.began_us = began_us
        """In µs after the request was received."""
        self.first_token_us: int | None = None
        self.ended: AttemptSucceeded | AttemptFailed | None = None
        self.repriced: AttemptRepriced | None = None
        """The last word on its cost."""


LATER: Final = frozenset({AttemptRepriced, RequestRecovered})
"""Their moment is not the request's, but that of who came back to it."""


# The parts of the rows, in the order of their columns.
_COUNTED: Final = AttemptRow._fields[
    AttemptRow._fields.index("input_tokens") : AttemptRow._fields.index("web_searches") + 1
]
_of_received: Final = attrgetter(
    "started_us",
    "node",
    "config_version",
    "endpoint",
    "dialect",
    "purpose",
    "key_id",
    "client_request_id",
    "replay_id",
)
_of_validated: Final = attrgetter("stream", "conversation_id", "requested_model")
_of_classified: Final = attrgetter("category", "decided_by", "mode", "duration_us")
_of_serving: Final = attrgetter("provider", "model", "price_id")
_of_finished: Final = attrgetter(
    "ending", "http_status", "duration_us", "overhead_us", "error_class"
)
_of_use: Final = attrgetter(*_COUNTED, "usage_source")
_of_started: Final = attrgetter("n", "provider", "account", "model", "attempt_kind")
_of_ended: Final = attrgetter(
    "outcome",
    "http_status",
    "error_class",
    "connect_us",
    "headers_us",
    "duration_us",
    *_COUNTED,
    "provider_request_id",
    "service_tier",
    "counted",
    "usage_source",
)
_of_cost: Final = attrgetter("cost_nusd", "cost_basis", "price_id")

# What they say of what was not heard.
_NOT_VALIDATED: Final = RequestValidated(
    requested_model=None, stream=False, messages=0, body_bytes=0
)
_NOT_CLASSIFIED: Final = (None, None, None, None)
_NOT_SERVED: Final = (None, None, None)
_LOST: Final = AttemptSucceeded(n=0, outcome="lost", duration_us=None)
_UNKNOWN: Final[tuple[None, CostBasis]] = (None, "unknown")


def fold_request(
    request_id: int, events: Sequence[Event]
) -> tuple[RequestRow, tuple[AttemptRow, ...]]:
    """The request's row and its attempts' rows, in the order of the attempts.

    Raises ``ValueError`` when the events do not begin with ``request.received``, or tell the end
    of an attempt that never started.
    """
    remaining = iter(events)
    first = next(remaining, None)
    if first is None or not isinstance(first.data, RequestReceived):
        raise ValueError(
            f"a request begins with {RequestReceived.kind}, not {first and first.kind}"
        )
    facts, calls = _gather(remaining)
    received = first.data
    attempts = tuple([_attempt_row(request_id, received, calls[n]) for n in sorted(calls)])
    finished = facts.get(RequestFinished)
    serving = _serving(finished, attempts)
    first_token_us = None if serving is None else serving.first_token_us
    if serving is not None and first_token_us is not None:
        first_token_us += calls[serving.n].began_us
    classified = facts.get(RequestClassified)
    request = RequestRow._make(
        (
            request_id,
            *_of_received(received),
            *_of_validated(facts.get(RequestValidated, _NOT_VALIDATED)),
            *(_NOT_CLASSIFIED if classified is None else _of_classified(classified)),
            len(attempts),
            *(_NOT_SERVED if serving is None else _of_serving(serving)),
            first_token_us,
            *_of_finished(_abandoned(events) if finished is None else finished),
            *(_of_use(attempts[0]) if len(attempts) == 1 else _together(attempts)),
            # What a crash cut off may have been billed without a trace.
            *(_UNKNOWN if finished is None else _cost(attempts)),
        )
    )
    return request, attempts


def fold_breakers(events: Iterable[Event]) -> dict[str, FoldedBreaker]:
    """Where each breaker stands after these events, by target; one without events is closed."""
    breakers: dict[str, FoldedBreaker] = {}
    for event in events:
        data = event.data
        if isinstance(data, BreakerOpened | BreakerHalfOpened | BreakerClosed | BreakerReset):
            until_us = data.until_us if isinstance(data, BreakerOpened) else None
            breakers[data.target] = FoldedBreaker(after_event(data), until_us)
    return breakers


def _gather(events: Iterable[Event]) -> tuple[dict[type, Any], dict[int, _Call]]:
    """Facts about the request, the last of each kind, and about its attempts by their numbers."""
    facts: dict[type, Any] = {}
    calls: dict[int, _Call] = {}
    for event in events:
        data = event.data
        kind = type(data)
        take = _OF_ATTEMPTS.get(kind)
        if take is None:
            facts[kind] = data
        else:
            take(calls, data, event.dt_us)
    if RequestReceived in facts:
        raise ValueError(f"{RequestReceived.kind} came twice")
    return facts, calls


def _take_started(calls: dict[int, _Call], data: AttemptStarted, dt_us: int) -> None:
    calls[data.n] = _Call(data, dt_us)


def _take_first_token(calls: dict[int, _Call], data: AttemptFirstToken, _: int) -> None:
    if data.n in calls:
        calls[data.n].first_token_us = data.first_token_us


def _take_ended(calls: dict[int, _Call], data: AttemptSucceeded | AttemptFailed, _: int) -> None:
    if data.n not in calls:
        raise ValueError(f"attempt {data.n} ended and never started")
    calls[data.n].ended = data


def _take_repriced(calls: dict[int, _Call], data: AttemptRepriced, _: int) -> None:
    call = calls.get(data.n)
    if call is not None and call.ended is not None:
        call.repriced = data


_OF_ATTEMPTS: Final[Mapping[type, Callable[[dict[int, _Call], Any, int], None]]] = {
    AttemptStarted: _take_started,
    AttemptFirstToken: _take_first_token,
    AttemptSucceeded: _take_ended,
    AttemptFailed: _take_ended,
    AttemptRepriced: _take_repriced,
}
"""What attempts' rows are made of."""


def _abandoned(events: Iterable[Event]) -> RequestFinished:
    """How a request ended that nobody ended."""
    _, *later = (0 if type(event.data) in LATER else event.dt_us for event in events)
    return RequestFinished("abandoned", STATUS_UNSEEN, duration_us=max(later, default=0))


def _attempt_row(request_id: int, received: RequestReceived, call: _Call) -> AttemptRow:
    started, ended = call.started, call.ended or _LOST
    started_us, first_token_us = started.started_us, ended.first_token_us
    return AttemptRow._make(
        (
            request_id,
            received.started_us + call.began_us if started_us is None else started_us,
            *_of_started(started),
            *_of_ended(ended),
            call.first_token_us if first_token_us is None else first_token_us,
            *_of_cost(call.repriced or ended),
        )
    )


def _together(attempts: tuple[AttemptRow, ...]) -> tuple[int | str | None, ...]:
    """What several attempts used together, or none; an estimate anywhere makes it all one."""
    sums = [sum_of_known([getattr(a, name) for a in attempts]) for name in _COUNTED]
    sources = {a.usage_source for a in attempts}
    source = next((s for s in ("estimated", "provider") if s in sources), "none")
    return (*sums, source)


def _serving(
    finished: RequestFinished | None, attempts: tuple[AttemptRow, ...]
) -> AttemptRow | None:
    """The attempt whose answer the client got; without one, the last that tried to give it."""
    if finished is not None and finished.served_by is not None:
        served_by = finished.served_by
        return next((a for a in attempts if a.n == served_by), None)
    return next((a for a in reversed(attempts) if a.kind in ("chat", "hedge")), None)


def _cost(attempts: tuple[AttemptRow, ...]) -> tuple[int | None, CostBasis]:
    """The sum over all attempts, as good as its worst part.

    One unknown part makes the whole unknown: a sum that leaves something out must not look like
    the whole.  The known parts stay readable in the attempts' rows.
    """
    total, worst = 0, 0
    for attempt in attempts:
        if attempt.cost_nusd is None or attempt.cost_basis == "unknown":
            return _UNKNOWN
        total += attempt.cost_nusd
        worst = max(worst, _BASES.index(attempt.cost_basis))
    return total, _BASES[worst] if attempts else "computed"
