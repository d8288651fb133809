"""What happened, in the past tense: the facts that the ledger keeps, append-only.

Each class is one kind of event; its fields are the event's ``data`` in the ledger, a JSON object.
Times inside an event are microseconds, relative ones by the monotonic clock.  `EVENT_TYPES` maps
kinds to classes; `llmrouter.policy.fold` turns a request's events back into its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.events.attempts import (
    AttemptFailed,
    AttemptFirstToken,
    AttemptRepriced,
    AttemptStarted,
    AttemptSucceeded,
    FallbackTaken,
    HedgeTaken,
    RetryWithheld,
)
from llmrouter.core.events.availability import (
    AccountLocked,
    AccountUnlocked,
    BreakerClosed,
    BreakerHalfOpened,
    BreakerOpened,
    BreakerReset,
    TargetCooldown,
)
from llmrouter.core.events.process import (
    ClockJumped,
    ConfigActivated,
    ConfigRejected,
    LedgerDegraded,
    LedgerRestored,
    ServerStarted,
    ServerStopped,
)
from llmrouter.core.events.requests import (
    RequestClassified,
    RequestCorrected,
    RequestFinished,
    RequestQueued,
    RequestReceived,
    RequestRecovered,
    RequestRejected,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.records import Record, field_names

__all__ = [
    "EVENT_TYPES",
    "AccountLocked",
    "AccountUnlocked",
    "AttemptFailed",
    "AttemptFirstToken",
    "AttemptRepriced",
    "AttemptStarted",
    "AttemptSucceeded",
    "BreakerClosed",
    "BreakerHalfOpened",
    "BreakerOpened",
    "BreakerReset",
    "ClockJumped",
    "ConfigActivated",
    "ConfigRejected",
    "Event",
    "EventData",
    "FallbackTaken",
    "HedgeTaken",
    "LedgerDegraded",
    "LedgerRestored",
    "RequestClassified",
    "RequestCorrected",
    "RequestFinished",
    "RequestQueued",
    "RequestReceived",
    "RequestRecovered",
    "RequestRejected",
    "RequestValidated",
    "RetryWithheld",
    "RouteSelected",
    "ServerStarted",
    "ServerStopped",
    "TargetCooldown",
    "read_event",
]

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


class Event(Record):
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
    known = field_names(event_type)
    members: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in data.items()
        if name in known
    }
    return Event(dt_us, event_type(**members))
