"""The rows that the ledger keeps, and the record in which a request's rows travel together.

A request's and an attempt's row is a tuple in the order in which the database takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmrouter.core.events import Event
from llmrouter.core.records import Record
from llmrouter.core.routing import (
    AttemptKind,
    AttemptOutcome,
    DecidedBy,
    Ending,
    Mode,
    Purpose,
)
from llmrouter.core.usage import CostBasis, UsageSource


class RequestRow(NamedTuple):
    """One request, once it is over.  Tokens and cost sum over all its attempts."""

    id: int
    started_us: int
    node: int
    config_version: int
    endpoint: str
    dialect: str
    purpose: Purpose
    key_id: str | None
    client_request_id: str | None
    replay_id: int | None
    stream: bool
    conversation_id: str | None
    requested_model: str | None
    category: str | None
    decided_by: DecidedBy | None
    mode: Mode | None
    classify_us: int | None
    attempts: int
    provider: str | None
    model: str | None
    price_id: int | None
    first_token_us: int | None
    ending: Ending
    http_status: int
    duration_us: int
    overhead_us: int | None
    error_class: str | None
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
    usage_source: UsageSource = "none"
    cost_nusd: int | None = None
    cost_basis: CostBasis = "unknown"


class AttemptRow(NamedTuple):
    """One call to one target; failed ones carry what they cost, too."""

    request_id: int
    started_us: int
    n: int
    provider: str
    account: str
    model: str
    kind: AttemptKind
    outcome: AttemptOutcome
    http_status: int | None
    error_class: str | None
    connect_us: int | None
    headers_us: int | None
    duration_us: int | None
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
    provider_request_id: str | None
    service_tier: str | None
    counted: bool = False
    usage_source: UsageSource = "none"
    first_token_us: int | None = None
    cost_nusd: int | None = None
    cost_basis: CostBasis = "unknown"
    price_id: int | None = None


class BreakerRow(Record):
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


class AccountLockRow(Record):
    """Until when an account is passed over (wall clock); 0 is not at all."""

    provider: str
    account: str
    until_us: int
    reason: str
    updated_us: int


class CooldownRow(Record):
    """Until when a target is passed over because its provider asked for a pause (wall clock); 0
    after it was taken back by hand."""

    target: str
    until_us: int
    reason: str
    updated_us: int


class AvailabilityRows(Record):
    """What the ledger knows of targets and accounts that are, or were, passed over."""

    breakers: tuple[BreakerRow, ...] = ()
    locks: tuple[AccountLockRow, ...] = ()
    cooldowns: tuple[CooldownRow, ...] = ()


class ResponseState(Record):
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


class RequestRecord(Record):
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


class ConfigurationVersion(Record):
    """A numbered, immutable configuration document as the ledger keeps it."""

    number: int
    document: Mapping[str, Any]
    sha256: str
    parent: int | None
    author: str
    note: str | None
    created_us: int
