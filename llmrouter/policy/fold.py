"""A request's rows and the breakers' positions, folded from events: events are the truth.

The account stage folds what it has emitted, and start-up folds what a killed process left behind;
so the ledger's rows can never say something else than its events.  Every prefix of a legal
sequence of events folds: what is missing at its end is `abandoned` and `lost`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from llmrouter.core.usage import UNKNOWN_COST, Cost, CostBasis, UsageSource, sum_of_known
from llmrouter.policy.breaker import Position, after_event

STATUS_UNSEEN: Final = 0
"""``http_status`` of an abandoned request: nobody knows what its client saw."""

_BASES: Final[tuple[CostBasis, ...]] = ("provider_reported", "computed", "estimated", "unknown")
_NOTHING_SENT: Final = Cost(0, "computed")


class FoldedBreaker(NamedTuple):
    """A breaker's position, and until when (wall clock, µs) an open one stays so."""

    position: Position
    open_until_us: int | None


class _Facts:
    """What the events of one request say, sorted by whom they are about."""

    __slots__ = (
        "classified",
        "ended",
        "finished",
        "first_token_us",
        "last_dt_us",
        "received",
        "repriced",
        "started",
        "validated",
    )

    def __init__(self, received: RequestReceived) -> None:
        self.received = received
        self.validated: RequestValidated | None = None
        self.classified: RequestClassified | None = None
        self.finished: RequestFinished | None = None
        self.started: dict[int, tuple[AttemptStarted, int]] = {}
        """By attempt number, with the moment in µs after the request was received."""
        self.first_token_us: dict[int, int] = {}
        self.ended: dict[int, AttemptSucceeded | AttemptFailed] = {}
        self.repriced: dict[int, AttemptRepriced] = {}
        """By attempt number, the last word on its cost."""
        self.last_dt_us = 0

    def take_validated(self, data: RequestValidated, _: int) -> None:
        self.validated = data

    def take_classified(self, data: RequestClassified, _: int) -> None:
        self.classified = data

    def take_finished(self, data: RequestFinished, _: int) -> None:
        self.finished = data

    def take_started(self, data: AttemptStarted, dt_us: int) -> None:
        self.started[data.n] = (data, dt_us)

    def take_first_token(self, data: AttemptFirstToken, _: int) -> None:
        self.first_token_us[data.n] = data.first_token_us

    def take_ended(self, data: AttemptSucceeded | AttemptFailed, _: int) -> None:
        if data.n not in self.started:
            raise ValueError(f"attempt {data.n} ended and never started")
        self.ended[data.n] = data

    def take_repriced(self, data: AttemptRepriced, _: int) -> None:
        self.repriced[data.n] = data


_TAKEN: Final[Mapping[type, Callable[[_Facts, Any, int], None]]] = {
    RequestValidated: _Facts.take_validated,
    RequestClassified: _Facts.take_classified,
    RequestFinished: _Facts.take_finished,
    AttemptStarted: _Facts.take_started,
    AttemptFirstToken: _Facts.take_first_token,
    AttemptSucceeded: _Facts.take_ended,
    AttemptFailed: _Facts.take_ended,
    AttemptRepriced: _Facts.take_repriced,
}
"""What the rows are made of.  Other events are told in the request's story alone."""

LATER: Final = frozenset({AttemptRepriced, RequestRecovered})
"""Their moment is not the request's, but that of who came back to it."""


class _NothingClassified(NamedTuple):
    """What a request's row says of its category before it has one."""

    category: None = None
    decided_by: None = None
    mode: None = None
    duration_us: None = None


_NOT_VALIDATED: Final = RequestValidated(
    requested_model=None, stream=False, messages=0, body_bytes=0
)
_NOT_CLASSIFIED: Final = _NothingClassified()


def fold_request(
    request_id: int, events: Sequence[Event]
) -> tuple[RequestRow, tuple[AttemptRow, ...]]:
    """The request's row and its attempts' rows, in the order of the attempts.

    Raises ``ValueError`` when the events do not begin with ``request.received``, or tell the end
    of an attempt that never started.
    """
    facts = _gather(events)
    attempts = tuple(_attempt_row(request_id, facts, n) for n in sorted(facts.started))
    return _request_row(request_id, facts, attempts), attempts


def fold_breakers(events: Iterable[Event]) -> dict[str, FoldedBreaker]:
    """Where each breaker stands after these events, by target; one without events is closed."""
    breakers: dict[str, FoldedBreaker] = {}
    for event in events:
        data = event.data
        if isinstance(data, BreakerOpened | BreakerHalfOpened | BreakerClosed | BreakerReset):
            until_us = data.until_us if isinstance(data, BreakerOpened) else None
            breakers[data.target] = FoldedBreaker(after_event(data), until_us)
    return breakers


def _gather(events: Iterable[Event]) -> _Facts:
    remaining = iter(events)
    first = next(remaining, None)
    if first is None or not isinstance(first.data, RequestReceived):
        raise ValueError(
            f"a request begins with {RequestReceived.kind}, not {first and first.kind}"
        )
    facts = _Facts(first.data)
    for event in remaining:
        kind = type(event.data)
        take = _TAKEN.get(kind)
        if take is not None:
            take(facts, event.data, event.dt_us)
        elif kind is RequestReceived:
            raise ValueError(f"{RequestReceived.kind} came twice")
        if event.dt_us > facts.last_dt_us and kind not in LATER:
            facts.last_dt_us = event.dt_us
    return facts


def _attempt_row(request_id: int, facts: _Facts, n: int) -> AttemptRow:
    started, dt_us = facts.started[n]
    started_us = (
        facts.received.started_us + dt_us if started.started_us is None else started.started_us
    )
    ended = facts.ended.get(n)
    if ended is None:
        return AttemptRow(
            request_id=request_id,
            n=n,
            started_us=started_us,
            provider=started.provider,
            account=started.account,
            model=started.model,
            kind=started.attempt_kind,
            outcome="lost",
            first_token_us=facts.first_token_us.get(n),
        )
    failed = ended if isinstance(ended, AttemptFailed) else None
    first_token_us = ended.first_token_us
    priced = facts.repriced.get(n, ended)
    return AttemptRow(
        request_id=request_id,
        n=n,
        started_us=started_us,
        provider=started.provider,
        account=started.account,
        model=started.model,
        kind=started.attempt_kind,
        outcome=ended.outcome,
        counted=failed is not None and failed.counted,
        http_status=ended.http_status,
        error_class=failed.error_class if failed else None,
        connect_us=ended.connect_us,
        headers_us=ended.headers_us,
        first_token_us=(
            first_token_us if first_token_us is not None else facts.first_token_us.get(n)
        ),
        duration_us=ended.duration_us,
        input_tokens=ended.input_tokens,
        output_tokens=ended.output_tokens,
        cache_read_tokens=ended.cache_read_tokens,
        cache_write_tokens=ended.cache_write_tokens,
        reasoning_tokens=ended.reasoning_tokens,
        cache_write_1h_tokens=ended.cache_write_1h_tokens,
        input_audio_tokens=ended.input_audio_tokens,
        input_image_tokens=ended.input_image_tokens,
        output_audio_tokens=ended.output_audio_tokens,
        output_image_tokens=ended.output_image_tokens,
        web_searches=ended.web_searches,
        usage_source=ended.usage_source,
        cost_nusd=priced.cost_nusd,
        cost_basis=priced.cost_basis,
        price_id=priced.price_id,
        provider_request_id=ended.provider_request_id,
        service_tier=ended.service_tier,
    )


def _request_row(request_id: int, facts: _Facts, attempts: tuple[AttemptRow, ...]) -> RequestRow:
    received, finished = facts.received, facts.finished
    validated, classified = facts.validated or _NOT_VALIDATED, facts.classified or _NOT_CLASSIFIED
    serving = _serving(finished, attempts)
    # What a crash cut off may have been billed without a trace.
    cost = UNKNOWN_COST if finished is None else _cost(attempts)
    used = attempts[0] if len(attempts) == 1 else _together(attempts)
    return RequestRow(
        id=request_id,
        started_us=received.started_us,
        node=received.node,
        config_version=received.config_version,
        endpoint=received.endpoint,
        dialect=received.dialect,
        purpose=received.purpose,
        stream=validated.stream,
        ending=finished.ending if finished else "abandoned",
        http_status=finished.http_status if finished else STATUS_UNSEEN,
        attempts=len(attempts),
        duration_us=finished.duration_us if finished else facts.last_dt_us,
        key_id=received.key_id,
        client_request_id=received.client_request_id,
        conversation_id=validated.conversation_id,
        requested_model=validated.requested_model,
        category=classified.category,
        decided_by=classified.decided_by,
        mode=classified.mode,
        provider=serving.provider if serving else None,
        model=serving.model if serving else None,
        error_class=finished.error_class if finished else None,
        first_token_us=_first_token_us(facts, serving),
        classify_us=classified.duration_us,
        overhead_us=finished.overhead_us if finished else None,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        reasoning_tokens=used.reasoning_tokens,
        cache_write_1h_tokens=used.cache_write_1h_tokens,
        input_audio_tokens=used.input_audio_tokens,
        input_image_tokens=used.input_image_tokens,
        output_audio_tokens=used.output_audio_tokens,
        output_image_tokens=used.output_image_tokens,
        web_searches=used.web_searches,
        usage_source=_usage_source(attempts),
        cost_nusd=cost.nusd,
        cost_basis=cost.basis,
        price_id=serving.price_id if serving else None,
        replay_id=received.replay_id,
    )


class _Used(NamedTuple):
    """What several attempts used together, or none."""

    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cache_write_1h_tokens: int | None
    input_audio_tokens: int | None
    input_image_tokens: int | None
    output_audio_tokens: int | None
    output_image_tokens: int | None
    web_searches: int | None


def _together(attempts: tuple[AttemptRow, ...]) -> _Used:
    return _Used(*[sum_of_known([getattr(a, name) for a in attempts]) for name in _Used._fields])


def _serving(
    finished: RequestFinished | None, attempts: tuple[AttemptRow, ...]
) -> AttemptRow | None:
    """The attempt whose answer the client got; without one, the last that tried to give it."""
    if finished is not None and finished.served_by is not None:
        return next((a for a in attempts if a.n == finished.served_by), None)
    return next((a for a in reversed(attempts) if a.kind in ("chat", "hedge")), None)


def _first_token_us(facts: _Facts, serving: AttemptRow | None) -> int | None:
    """From the request's arrival to the first token of the answer that the client got."""
    if serving is None or serving.first_token_us is None:
        return None
    return facts.started[serving.n][1] + serving.first_token_us


def _cost(attempts: tuple[AttemptRow, ...]) -> Cost:
    """The sum over all attempts, as good as its worst part.

    One unknown part makes the whole unknown: a sum that leaves something out must not look like
    the whole.  The known parts stay readable in the attempts' rows.
    """
    if not attempts:
        return _NOTHING_SENT
    total, worst = 0, 0
    for attempt in attempts:
        if attempt.cost_nusd is None or attempt.cost_basis == "unknown":
            return UNKNOWN_COST
        total += attempt.cost_nusd
        worst = max(worst, _BASES.index(attempt.cost_basis))
    return Cost(total, _BASES[worst])


def _usage_source(attempts: tuple[AttemptRow, ...]) -> UsageSource:
    """Who counted the request's tokens: an estimate anywhere makes the sum an estimate."""
    sources = {a.usage_source for a in attempts}
    if "estimated" in sources:
        return "estimated"
    return "provider" if "provider" in sources else "none"
