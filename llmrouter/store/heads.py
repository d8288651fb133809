"""What many events have in common is stored once: the beginning of their JSON, their `head`.

The members of an event that hardly vary (a route with its candidates, an endpoint, a model) are
put first and stored in ``event_head``; the event's own row has the rest.  Head and rest are text
that only has to be joined, so that the view ``event`` shows whole events in any SQL shell.  What
is not seen twice before it is forgotten has no head: its row is whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from llmrouter.core.events import (
    EVENT_TYPES,
    AttemptFailed,
    AttemptFirstToken,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
    FallbackTaken,
    RequestClassified,
    RequestFinished,
    RequestReceived,
    RequestRejected,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.records import field_names
from llmrouter.store import schema
from llmrouter.store.encoding import Members, storable, to_json
from llmrouter.store.statements import Statements, run

HeadKey = tuple[str, str]
"""An event's kind and its head."""

EventTuple = tuple[int, int, int, str, int | None, str]
"""A row of ``event_row``, in the order of its columns."""

LONGEST_HEAD: Final = 2_000  # PostgreSQL indexes no text beyond 2,700 bytes
MOST_HEADS: Final = 50_000
"""Clients' words must not fill memory, nor the table."""

_RECENT: Final = 4_096
_NUL: Final = "\\u0000"  # as JSON writes it; PostgreSQL's JSONB refuses it when it is read
_NOTHING: Final[frozenset[str]] = frozenset()
_ENDED: Final = frozenset(
    (
        "n",
        "outcome",
        "http_status",
        "usage_source",
        "cost_basis",
        "price_id",
        "service_tier",
        "finish_reason",
        "response_model",
        "notes",
    )
)

_SHARED: Final[Mapping[str, frozenset[str]]] = {
    RequestReceived.kind: frozenset(
        ("node", "config_version", "endpoint", "dialect", "purpose", "key_id", "replay_id")
    ),
    RequestValidated.kind: frozenset(("requested_model", "stream", "needs", "tools", "client")),
    RequestRejected.kind: frozenset(("status", "code", "message", "param", "errors")),
    RequestClassified.kind: frozenset(
        ("category", "decided_by", "mode_asked", "mode", "fell_back_from")
    ),
    RouteSelected.kind: frozenset(("route", "strategy", "resolved_by", "candidates")),
    AttemptStarted.kind: frozenset(
        (
            "n",
            "provider",
            "model",
            "account",
            "attempt_kind",
            "dialect",
            "dropped",
            "translation_notes",
        )
    ),
    AttemptFirstToken.kind: frozenset(("n",)),
    AttemptSucceeded.kind: _ENDED,
    AttemptFailed.kind: _ENDED | {"error_class", "phase", "reason", "counted"},
    FallbackTaken.kind: frozenset(("from_target", "to_target", "reason")),
    RequestFinished.kind: frozenset(("ending", "http_status", "served_by", "error_class", "code")),
}
"""By kind, the members that many events say alike."""


_PARTS: Final[Mapping[type, tuple[Members, Members]]] = {
    event_type: (Members(event_type, shared), Members(event_type, names - shared))
    for kind, event_type in EVENT_TYPES.items()
    for names, shared in ((set(field_names(event_type)), _SHARED.get(kind, _NOTHING)),)
}
"""By type, what many events say alike, and what each says for itself."""


class EventRow(NamedTuple):
    """An event on its way into the ledger: its JSON is ``head`` and then ``rest``."""

    request_id: int
    seq: int
    dt_us: int
    kind: str
    head: str
    rest: str


def event_row(
    request_id: int, seq: int, dt_us: int, data: EventData, *, mended: bool = False
) -> EventRow:
    """An event's row.  Raises ``TypeError`` for what cannot be written as JSON."""
    shared, own = _PARTS[type(data)]
    head, rest = _joined(shared.of(data), own.of(data), mended=mended)
    if _NUL in head or _NUL in rest:
        head, rest = _joined(shared.of(data), own.of(data), mended=True)
    return EventRow(request_id, seq, dt_us, data.kind, head, rest)


def _joined(
    common: Mapping[str, object], own: Mapping[str, object], *, mended: bool
) -> tuple[str, str]:
    if mended:
        common, own = storable(common), storable(own)
    if not common:
        return "", to_json(own)
    return to_json(common)[:-1], f",{to_json(own)[1:]}" if own else "}"


class KnownHeads:
    """The heads that are known to be stored, and those that were seen once."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._ids: dict[HeadKey, int] = {}
        self._seen: OrderedDict[HeadKey, None] = OrderedDict()
        self._full = False

    def store(self, connection: Connection, rows: Iterable[EventRow]) -> dict[HeadKey, int]:
        """Stores the heads that are seen again; gives those that `remember` is to be told."""
        again: set[HeadKey] = set()
        for _, _, _, kind, head, _ in rows:
            if (kind, head) not in self._ids and head and self._was_seen((kind, head)):
                again.add((kind, head))
        if self._full or not again:
            return {}
        # Nodes that write the same rows must take them in the same order.
        wanted = sorted(again)
        run(connection, self._statements.add_head, wanted)
        return {key: _id_of(connection, key) for key in wanted}

    def remember(self, stored: Mapping[HeadKey, int]) -> None:
        """Takes in the ids of heads; call it once they are committed."""
        self._ids.update(stored)
        self._full = self._full or len(self._ids) >= MOST_HEADS

    def tuples(self, rows: Iterable[EventRow], stored: Mapping[HeadKey, int]) -> list[EventTuple]:
        """The rows of ``event_row``."""
        tuples: list[EventTuple] = []
        for request_id, seq, dt_us, kind, head, rest in rows:
            head_id = self._ids.get((kind, head)) or stored.get((kind, head))
            tuples.append(
                (request_id, seq, dt_us, kind, None, head + rest)
                if head_id is None
                else (request_id, seq, dt_us, "", head_id, rest)
            )
        return tuples

    def _was_seen(self, key: HeadKey) -> bool:
        if len(key[1]) > LONGEST_HEAD:
            return False
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _RECENT:
            self._seen.popitem(last=False)
        return False


def _id_of(connection: Connection, key: HeadKey) -> int:
    head = schema.event_head.c
    statement = select(head.id).where(head.kind == key[0], head.head == key[1])
    return int(connection.execute(statement).scalar_one())
