"""The rows that the ledger keeps, and the record in which a request's rows travel together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.events import Event
from llmrouter.core.records import record
from llmrouter.core.routing import (
    AttemptKind,
    AttemptOutcome,
    DecidedBy,
    Ending,
    Mode,
    Purpose,
)
from llmrouter.core.usage import CostBasis, UsageSource


@record
class RequestRow:
    """One request, once it is over.  Tokens and cost sum over all its attempts."""

    id: int
    started_us: int
    node: int
    config_version: int
    endpoint: str
    dialect: str
    purpose: Purpose
    stream: bool
    ending: Ending
    http_status: int
    attempts: int
    duration_us: int
    key_id: str | None = None
    client_request_id: str | None = None
    conversation_id: str | None = None
    requested_model: str | None = None
    category: str | None = None
    decided_by: DecidedBy | None = None
    mode: Mode | None = None
    provider: str | None = None
    model: str | None = None
    error_class: str | None = None
    first_token_us: int | None = None
    classify_us: int | None = None
    overhead_us: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None
    usage_source: UsageSource = "none"
    cost_nusd: int | None = None
    cost_basis: CostBasis = "unknown"
    price_id: int | None = None
    replay_id: int | None = None


@record
class AttemptRow:
    """One call to one target; failed ones carry what they cost, too."""

    request_id: int
    n: int
    started_us: int
    provider: str
    account: str
    model: str
    kind: AttemptKind
    outcome: AttemptOutcome
    counted: bool = False
    http_status: int | None = None
    error_class: str | None = None
    connect_us: int | None = None
    headers_us: int | None = None
    first_token_us: int | None = None
    duration_us: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None
    usage_source: UsageSource = "none"
    cost_nusd: int | None = None
    cost_basis: CostBasis = "unknown"
    price_id: int | None = None
    provider_request_id: str | None = None
    service_tier: str | None = None


@record
class BreakerRow:
    """A target's breaker as it was moved last, at ``updated_us``; the row is overwritten."""

    provider: str
    model: str
    state: str
    failures: int
    open_until_us: int | None
    updated_us: int

    @property
    def name(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.model}"


@record
class AccountLockRow:
    """Until when an account is passed over (wall clock); 0 is not at all."""

    provider: str
    account: str
    until_us: int
    reason: str
    updated_us: int


@record
class CooldownRow:
    """Until when a target is passed over because its provider asked for a pause (wall clock); 0
    after it was taken back by hand."""

    target: str
    until_us: int
    reason: str
    updated_us: int


@record
class AvailabilityRows:
    """What the ledger knows of targets and accounts that are, or were, passed over."""

    breakers: tuple[BreakerRow, ...] = ()
    locks: tuple[AccountLockRow, ...] = ()
    cooldowns: tuple[CooldownRow, ...] = ()


@record
class ResponseState:
    """What a conversation gained by one reply, so that a client can go on from the reply's id.

    ``items`` is a JSON list: the request's own input and the reply's output.  What was before them
    belongs to ``previous_id``, the reply that the request went on from.  ``provider`` keeps the
    conversation besides; None where the reply's id is of our making.
    """

    response_id: str
    items: bytes
    previous_id: str | None = None
    provider: str | None = None
    conversation_id: str | None = None


@record
class RequestRecord:
    """Everything that one finished request leaves behind, written in one transaction.

    ``opened`` counts the leading events that `Ledger.open` was given already.  ``body`` is the
    request as the client sent it, or None when bodies are not kept.  ``response_state`` is there
    where the client may go on from the reply's id.
    """

    request: RequestRow
    attempts: tuple[AttemptRow, ...]
    events: tuple[Event, ...]
    opened: int = 0
    breakers: tuple[BreakerRow, ...] = ()
    body: bytes | None = None
    response_state: ResponseState | None = None


@record
class ConfigurationVersion:
    """A numbered, immutable configuration document as the ledger keeps it."""

    number: int
    document: Mapping[str, Any]
    sha256: str
    parent: int | None
    author: str
    note: str | None
    created_us: int
