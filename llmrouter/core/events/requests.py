"""What became of a request: received, understood, decided, over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import field

from llmrouter.core.records import Record
from llmrouter.core.routing import DecidedBy, Ending, Mode, Purpose, ResolvedBy


class RequestReceived(Record):
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


class RequestValidated(Record):
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


class RequestRejected(Record):
    """The request was refused before anything was sent upstream."""

    kind: ClassVar[str] = "request.rejected"
    status: int
    code: str
    message: str
    param: str | None = None
    errors: tuple[Mapping[str, str], ...] = ()


class RequestClassified(Record):
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


class RouteSelected(Record):
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


class RequestQueued(Record):
    """The target carried as many attempts as it may (``limits.concurrent_requests``): the request
    waited for a place, and got one, or moved on."""

    kind: ClassVar[str] = "request.queued"
    target: str
    waited_us: int
    outcome: Literal["admitted", "timed_out", "queue_full"]


class RequestFinished(Record):
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


class RequestRecovered(Record):
    """A killed process left the request open; it was closed as ``abandoned`` at start-up."""

    kind: ClassVar[str] = "request.recovered"
    recovered_us: int


class RequestCorrected(Record):
    """Somebody said which category a request belongs to; ``request`` is its shown id.

    ``category`` and ``mode`` are what had been decided.
    """

    kind: ClassVar[str] = "request.corrected"
    request: str
    corrected: str
    category: str | None
    mode: str | None
