"""What became of the calls that a request made, and why there was another one."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, ClassVar, Final

from llmrouter.core.records import Record, field_names
from llmrouter.core.routing import AttemptKind, AttemptOutcome
from llmrouter.core.usage import (
    INPUT_CLASSES,
    OUTPUT_CLASSES,
    CostBasis,
    Usage,
    UsageSource,
    sum_of_known,
)

_classes: Final = attrgetter(*field_names(Usage))
_input: Final = attrgetter(*INPUT_CLASSES)
_output: Final = attrgetter(*OUTPUT_CLASSES)


class AttemptStarted(Record):
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


class AttemptFirstToken(Record):
    """The first semantic delta arrived; from here on there is no fallback."""

    kind: ClassVar[str] = "attempt.first_token"
    n: int
    first_token_us: int


class _AttemptEnded(Record):
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
    def input_tokens(self) -> int | None:
        """All input, cached or not."""
        return sum_of_known(_input(self))

    @property
    def output_tokens(self) -> int | None:
        """All output, reasoning included."""
        return sum_of_known(_output(self))

    @property
    def usage(self) -> Usage:
        """What it used, by class."""
        return Usage(*_classes(self))


class AttemptSucceeded(_AttemptEnded):
    """An attempt delivered a whole answer."""

    kind: ClassVar[str] = "attempt.succeeded"
    error_class: ClassVar[None] = None
    counted: ClassVar[bool] = False


class AttemptFailed(_AttemptEnded):
    """An attempt delivered none, or broke off; ``counted`` says that its breaker counts it."""

    kind: ClassVar[str] = "attempt.failed"
    error_class: str = "transient"
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    counted: bool = False


class AttemptRepriced(Record):
    """An attempt's cost was computed anew; what it was said to cost stands beside it."""

    kind: ClassVar[str] = "attempt.repriced"
    n: int
    cost_nusd: int | None
    cost_basis: CostBasis
    price_id: int | None
    previous_cost_nusd: int | None
    previous_cost_basis: CostBasis
    previous_price_id: int | None


class FallbackTaken(Record):
    """The next target was asked; ``reason`` is the error class that made it so."""

    kind: ClassVar[str] = "fallback.taken"
    from_target: str
    to_target: str
    reason: str


class HedgeTaken(Record):
    """The next target was asked beside a slow one, which had given no token for ``after_ms``;
    ``basis`` is where that comes from: ``p95`` (the ledger) or ``configured``."""

    kind: ClassVar[str] = "hedge.taken"
    from_target: str
    to_target: str
    after_ms: int
    basis: str


class RetryWithheld(Record):
    """After attempt ``n`` the target would have been asked once more, or another one beside it
    (``reason`` is then ``hedge``), had its retry budget not been spent."""

    kind: ClassVar[str] = "retry.withheld"
    n: int
    target: str
    reason: str
