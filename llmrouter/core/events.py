"""What happened, in the past tense: the facts that the ledger keeps, append-only.

Each class is one kind of event; its fields are the event's ``data`` in the ledger, a JSON object.
Times inside an event are microseconds, relative ones by the monotonic clock.  `EVENT_TYPES` maps
kinds to classes; `llmrouter.policy.fold` turns a request's events back into its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from llmrouter.core.routing import (
    AttemptKind,
    AttemptOutcome,
    DecidedBy,
    Ending,
    Mode,
    Purpose,
    ResolvedBy,
)
from llmrouter.core.usage import BILLED_CLASSES, CostBasis, Usage, UsageSource


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A request arrived; written before anything is sent upstream.

    ``provider`` is the one that the address named.
    """

    kind: ClassVar[str] = "request.received"
    started_us: int
    node: int
    config_version: int
    endpoint: str
    dialect: str
    purpose: Purpose = "live"
    key_id: str | None = None
    client_request_id: str | None = None
    client_retry: int | None = None
    replay_id: int | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class RequestValidated:
    """The body was understood."""

    kind: ClassVar[str] = "request.validated"
    requested_model: str | None
    stream: bool
    messages: int
    body_bytes: int
    needs: tuple[str, ...] = ()
    tools: int = 0
    conversation_id: str | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class RequestRejected:
    """The request was refused before anything was sent upstream."""

    kind: ClassVar[str] = "request.rejected"
    status: int
    code: str
    message: str
    param: str | None = None
    errors: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestClassified:
    """A category was chosen; ``fell_back_from`` lists modes that were asked and could not."""

    kind: ClassVar[str] = "request.classified"
    category: str | None
    decided_by: DecidedBy
    mode_asked: Mode
    mode: Mode | None
    confidence: float | None
    scores: Mapping[str, float]
    evidence: tuple[str, ...]
    duration_us: int
    fell_back_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteSelected:
    """The candidates in order, each ``{target, account, refused, detail}``.

    ``kept`` is the target that an open tool loop put first.  ``switch`` is told when the
    conversation leaves the model that answered its last turn: ``{from_target, to_target,
    cached_tokens, cost_nusd}``, the cost of reading anew what was cached, null when not known.
    """

    kind: ClassVar[str] = "route.selected"
    route: str
    strategy: str
    resolved_by: ResolvedBy
    candidates: tuple[Mapping[str, str | None], ...]
    kept: str | None = None
    switch: Mapping[str, str | int | None] | None = None


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A call to a target is about to be sent; ``n`` counts from 1 within the request.

    ``started_us`` is told only where it is not the event's own moment.
    ``dialect`` is the provider's where it is not the client's; then ``dropped`` names the fields
    of the request that it cannot say, and ``translation_notes`` why, and what was assumed.
    """

    kind: ClassVar[str] = "attempt.started"
    n: int
    provider: str
    model: str
    account: str
    started_us: int | None = None
    attempt_kind: AttemptKind = "chat"
    dialect: str | None = None
    dropped: tuple[str, ...] = ()
    translation_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptFirstToken:
    """The first semantic delta arrived; from here on there is no fallback."""

    kind: ClassVar[str] = "attempt.first_token"
    n: int
    first_token_us: int


@dataclass(frozen=True, slots=True)
class _AttemptEnded:
    """What is known of an attempt once it is over; durations count from its start.

    ``service_tier`` is left out for the standard one, and where the provider says none.
    """

    n: int
    outcome: AttemptOutcome
    duration_us: int | None
    http_status: int | None = None
    connect_us: int | None = None
    headers_us: int | None = None
    first_token_us: int | None = None
    uncached_input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    text_output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None
    usage_source: UsageSource = "none"
    raw_usage: Mapping[str, Any] | None = None
    cost_nusd: int | None = None
    cost_basis: CostBasis = "unknown"
    price_id: int | None = None
    service_tier: str | None = None
    finish_reason: str | None = None
    response_model: str | None = None
    provider_request_id: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def usage(self) -> Usage:
        """What it used, by class."""
        return Usage(**{name: getattr(self, name) for name in BILLED_CLASSES})


@dataclass(frozen=True, slots=True)
class AttemptSucceeded(_AttemptEnded):
    """An attempt delivered a whole answer."""

    kind: ClassVar[str] = "attempt.succeeded"


@dataclass(frozen=True, slots=True)
class AttemptFailed(_AttemptEnded):
    """An attempt delivered none, or broke off; ``counted`` says that its breaker counts it."""

    kind: ClassVar[str] = "attempt.failed"
    error_class: str = "transient"
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class AttemptRepriced:
    """An attempt's cost was computed anew; what it was said to cost stands beside it."""

    kind: ClassVar[str] = "attempt.repriced"
    n: int
    cost_nusd: int | None
    cost_basis: CostBasis
    price_id: int | None
    previous_cost_nusd: int | None
    previous_cost_basis: CostBasis
    previous_price_id: int | None


@dataclass(frozen=True, slots=True)
class FallbackTaken:
    """The next target was asked; ``reason`` is the error class that made it so."""

    kind: ClassVar[str] = "fallback.taken"
    from_target: str
    to_target: str
    reason: str


@dataclass(frozen=True, slots=True)
class HedgeTaken:
    """The next target was asked beside a slow one, which had given no token for ``after_ms``;
    ``basis`` is where that comes from: ``p95`` (the ledger) or ``configured``."""

    kind: ClassVar[str] = "hedge.taken"
    from_target: str
    to_target: str
    after_ms: int
    basis: str


@dataclass(frozen=True, slots=True)
class RetryWithheld:
    """After attempt ``n`` the target would have been asked once more, or another one beside it
    (``reason`` is then ``hedge``), had its retry budget not been spent."""

    kind: ClassVar[str] = "retry.withheld"
    n: int
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class RequestQueued:
    """The target carried as many attempts as it may (``limits.concurrent_requests``): the request
    waited for a place, and got one, or moved on."""

    kind: ClassVar[str] = "request.queued"
    target: str
    waited_us: int
    outcome: Literal["admitted", "timed_out", "queue_full"]


@dataclass(frozen=True, slots=True)
class TargetCooldown:
    """A provider asked for a pause; the target is passed over until then (wall clock, µs)."""

    kind: ClassVar[str] = "target.cooldown"
    target: str
    until_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class AccountLocked:
    """A credential was refused or is out of money; all its models are passed over."""

    kind: ClassVar[str] = "account.locked"
    provider: str
    account: str
    until_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class AccountUnlocked:
    """A locked credential worked again or was reset."""

    kind: ClassVar[str] = "account.unlocked"
    provider: str
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerOpened:
    """A target failed too often; it is passed over until ``until_us`` (wall clock)."""

    kind: ClassVar[str] = "breaker.opened"
    target: str
    failures: int
    until_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerHalfOpened:
    """The wait is over; one probe is let through."""

    kind: ClassVar[str] = "breaker.half_opened"
    target: str


@dataclass(frozen=True, slots=True)
class BreakerClosed:
    """A probe succeeded; the target is used again."""

    kind: ClassVar[str] = "breaker.closed"
    target: str


@dataclass(frozen=True, slots=True)
class BreakerReset:
    """Somebody closed the breaker by hand."""

    kind: ClassVar[str] = "breaker.reset"
    target: str


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """The terminal event.  ``served_by`` is the attempt whose answer the client got."""

    kind: ClassVar[str] = "request.finished"
    ending: Ending
    http_status: int
    duration_us: int
    overhead_us: int | None = None
    served_by: int | None = None
    error_class: str | None = None
    code: str | None = None
    stage_us: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestRecovered:
    """A killed process left the request open; it was closed as ``abandoned`` at start-up."""

    kind: ClassVar[str] = "request.recovered"
    recovered_us: int


@dataclass(frozen=True, slots=True)
class RequestCorrected:
    """Somebody said which category a request belongs to; ``request`` is its shown id.

    ``category`` and ``mode`` are what had been decided.
    """

    kind: ClassVar[str] = "request.corrected"
    request: str
    corrected: str
    category: str | None
    mode: str | None


@dataclass(frozen=True, slots=True)
class ConfigActivated:
    """A configuration version became the running one."""

    kind: ClassVar[str] = "config.activated"
    version: int
    parent: int | None
    author: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigRejected:
    """A configuration was offered and did not validate; the running one stays."""

    kind: ClassVar[str] = "config.rejected"
    source: str
    errors: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class LedgerDegraded:
    """Rows could not be written and went to the spill file."""

    kind: ClassVar[str] = "ledger.degraded"
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerRestored:
    """Rows are written again; ``replayed`` of them came from the spill file."""

    kind: ClassVar[str] = "ledger.restored"
    replayed: int


@dataclass(frozen=True, slots=True)
class ServerStarted:
    """A server process took up work; ``recovered`` requests were closed as abandoned."""

    kind: ClassVar[str] = "server.started"
    version: str
    node: int
    recovered: int = 0


@dataclass(frozen=True, slots=True)
class ServerStopped:
    """A server process ended in order."""

    kind: ClassVar[str] = "server.stopped"
    node: int
    drained: int
    cut: int


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """The machine's clock was set, or the machine slept; ``by_us`` is negative when it went back.

    Durations, ids and deadlines bear it.
    """

    kind: ClassVar[str] = "clock.jumped"
    by_us: int


EventData = (
    RequestReceived
    | RequestValidated
    | RequestRejected
    | RequestClassified
    | RouteSelected
    | AttemptStarted
    | AttemptFirstToken
    | AttemptSucceeded
    | AttemptFailed
    | AttemptRepriced
    | FallbackTaken
    | HedgeTaken
    | RetryWithheld
    | RequestQueued
    | TargetCooldown
    | AccountLocked
    | AccountUnlocked
    | BreakerOpened
    | BreakerHalfOpened
    | BreakerClosed
    | BreakerReset
    | RequestFinished
    | RequestRecovered
    | RequestCorrected
    | ConfigActivated
    | ConfigRejected
    | LedgerDegraded
    | LedgerRestored
    | ServerStarted
    | ServerStopped
    | ClockJumped
)

EVENT_TYPES: Mapping[str, type[EventData]] = {
    event_type.kind: event_type for event_type in EventData.__args__
}
"""Every kind of event by its name."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact with its moment: ``dt_us`` after the request was received."""

    dt_us: int
    data: EventData

    @property
    def kind(self) -> str:
        return self.data.kind


def read_event(kind: str, dt_us: int, data: Mapping[str, Any]) -> Event:
    """An event as it was written; members that this version does not know are left out.

    Raises ``KeyError`` for an unknown kind.
    """
    event_type = EVENT_TYPES[kind]
    known = {f.name for f in fields(event_type)}
    members: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in data.items()
        if name in known
    }
    return Event(dt_us, event_type(**members))
