"""What many events have in common is stored once: the beginning of their JSON, their `head`.

The members of an event that hardly vary (a route with its candidates, an endpoint, a model) are
put first and stored in ``event_head``; the event's own row has the rest.  Head and rest are text
that only has to be joined, so that the view ``event`` shows whole events in any SQL shell.  What
is not seen twice before it is forgotten has no head: its row is whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from orjson import dumps, loads
from sqlalchemy import Connection, select

from llmrouter.core.events import (
    EVENT_TYPES,
    AttemptFailed,
    AttemptFirstToken,
    AttemptStarted,
    AttemptSucceeded,
    Event,
    EventData,
    FallbackTaken,
    RequestClassified,
    RequestFinished,
    RequestReceived,
    RequestRejected,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.records import plain
from llmrouter.store import schema
from llmrouter.store.encoding import Members, split, storable
from llmrouter.store.statements import Statements, run

HeadKey = bytes
"""An event's kind and the values of its shared members as a JSON list, of which its head is made.

The list takes a fraction of the head's time, and most heads are known by it.
"""

EventTuple = tuple[int, int, int, str, int | None, str]
"""A row of ``event_row``, in the order of its columns."""

LONGEST_HEAD: Final = 2_000
"""Of its values: PostgreSQL indexes no text beyond 2,700 bytes, and names take up to 200."""
MOST_HEADS: Final = 50_000
"""Clients' words must not fill memory, nor the table."""

_RECENT: Final = 4_096
_NUL: Final = b"\\u0000"  # as JSON writes it; PostgreSQL's JSONB refuses it when it is read
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


class _Form(NamedTuple):
    """How events of one type are written."""

    take_key: Callable[[object], object]
    """The values of its `HeadKey`."""
    members_of: Callable[[Any], dict[str, Any]]
    """What each says for itself."""
    shared: Members
    """What many say alike."""


def _form(event_type: type[EventData]) -> _Form:
    shared, own = split(event_type, _SHARED.get(event_type.kind, ()))
    return _Form(attrgetter("kind", *shared.names), own.of, shared)


_FORMS: Final[Mapping[type, _Form]] = {kind: _form(kind) for kind in EVENT_TYPES.values()}


class EventRow(NamedTuple):
    """An event whose head is not known: its JSON is the head, and then what is its ``own``."""

    request_id: int
    seq: int
    dt_us: int
    kind: str
    key: HeadKey
    own: bytes

    @property
    def head(self) -> str:
        """Empty where events of this kind have nothing in common."""
        shared = _FORMS[EVENT_TYPES[self.kind]].shared
        if not shared.names:
            return ""
        _, *values = loads(self.key)
        return dumps(shared.named(values))[:-1].decode()

    def whole(self) -> EventTuple:
        """As a row that needs no head."""
        head = self.head
        data = head + _following(self.own) if head else self.own.decode()
        return (self.request_id, self.seq, self.dt_us, self.kind, None, data)

    def under(self, head_id: int) -> EventTuple:
        """As a row that follows a stored head."""
        return (self.request_id, self.seq, self.dt_us, "", head_id, _following(self.own))


class EventRows:
    """The rows of events: those that are ready, and those whose heads are yet to be looked for."""

    def __init__(self, heads: Mapping[HeadKey, int], *, mended: bool = False) -> None:
        """``heads`` are known to be stored.  With ``mended``, texts are mended that a database
        might refuse."""
        self.ready: list[EventTuple] = []
        self.waiting: list[EventRow] = []
        self._heads = heads
        self._mended = mended

    def add(self, request_id: int, first_seq: int, events: Iterable[Event]) -> None:
        """Takes in a request's events, numbered from ``first_seq`` on.

        Raises ``TypeError`` for what cannot be written as JSON.
        """
        heads, mended, ready = self._heads, self._mended, self.ready
        for seq, event in enumerate(events, first_seq):
            dt_us, data = event.dt_us, event.data
            take_key, members_of, _ = _FORMS[type(data)]
            values, members = take_key(data), members_of(data)
            if mended:
                values, members = storable(values), storable(members)
            key, rest = dumps(values, plain), dumps(members, plain)
            # `in` would try first whether the bytes are a number, which takes longer than to look.
            if rest.find(_NUL) >= 0 or key.find(_NUL) >= 0:
                key, rest = dumps(storable(values)), dumps(storable(members))
            head_id = heads.get(key)
            if head_id is None:
                self.waiting.append(EventRow(request_id, seq, dt_us, data.kind, key, rest))
            else:
                ready.append((request_id, seq, dt_us, "", head_id, _following(rest)))

    def under(self, heads: Mapping[HeadKey, int]) -> list[EventTuple]:
        """All of them, with some further heads; what has none is whole."""
        rows = [*self.ready]
        for row in self.waiting:
            head_id = heads.get(row.key)
            rows.append(row.whole() if head_id is None else row.under(head_id))
        return rows


def whole_rows(request_id: int, first_seq: int, events: Iterable[Event]) -> list[EventTuple]:
    """A request's events as rows without heads.  Raises as `EventRows.add` does."""
    rows = EventRows({})
    rows.add(request_id, first_seq, events)
    return [row.whole() for row in rows.waiting]


def _following(own: bytes) -> str:
    """What comes after a head."""
    return "}" if own == b"{}" else "," + own[1:].decode()


class KnownHeads:
    """The heads that are known to be stored, and those that were seen once."""

    def __init__(self, statements: Statements) -> None:
        self.ids: dict[HeadKey, int] = {}
        self._statements = statements
        self._seen: OrderedDict[HeadKey, None] = OrderedDict()
        self._full = False

    def store(self, connection: Connection, rows: Iterable[EventRow]) -> dict[HeadKey, int]:
        """Stores the heads that are seen again; gives those that `remember` is to be told."""
        again: dict[tuple[str, str], HeadKey] = {}
        for row in rows:
            if self._was_seen(row.key) and row.head:
                again[row.kind, row.head] = row.key
        if self._full or not again:
            return {}
        # Nodes that write the same rows must take them in the same order.
        wanted = sorted(again)
        run(connection, self._statements.add_head, wanted)
        return {again[stored]: _id_of(connection, *stored) for stored in wanted}

    def remember(self, stored: Mapping[HeadKey, int]) -> None:
        """Takes in the ids of heads; call it once they are committed."""
        self.ids.update(stored)
        self._full = self._full or len(self.ids) >= MOST_HEADS

    def _was_seen(self, key: HeadKey) -> bool:
        if len(key) > LONGEST_HEAD:
            return False
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _RECENT:
            self._seen.popitem(last=False)
        return False


def _id_of(connection: Connection, kind: str, head: str) -> int:
    stored = schema.event_head.c
    statement = select(stored.id).where(stored.kind == kind, stored.head == head)
    return int(connection.execute(statement).scalar_one())
