"""What was going on when requests came: breakers, locks, conversations, and how models fared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from sys import intern
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, and_, func, or_, select, text
from sqlalchemy.sql.elements import ColumnElement

from llmrouter.core.events import (
    AccountLocked,
    AccountUnlocked,
    BreakerClosed,
    BreakerHalfOpened,
    BreakerOpened,
    BreakerReset,
    RequestValidated,
    ServerStarted,
    TargetCooldown,
)
from llmrouter.core.ids import MAX_NODE, SEQUENCE_BITS
from llmrouter.core.replay import PastAnswer, PastAttempt, PastEvent, PastTurn
from llmrouter.core.routing import Target
from llmrouter.store.queries.logged import REPLAYED
from llmrouter.store.records import made_at_us
from llmrouter.store.schema import attempt, event, event_row, request

_MOVES: Final = (
    AccountLocked.kind,
    AccountUnlocked.kind,
    BreakerClosed.kind,
    BreakerHalfOpened.kind,
    BreakerOpened.kind,
    BreakerReset.kind,
    ServerStarted.kind,
    TargetCooldown.kind,
)
"""Events that change which targets can be asked."""

_TURNS_BACK: Final = 3
"""Turns of a conversation that are looked at before a page: the last may not have been over."""

_ANSWERS: Final = ("chat", "hedge")
_GOOD: Final = ("succeeded",)
_BAD: Final = ("failed", "interrupted")


def past_events(connection: Connection, *, after_id: int, until_id: int) -> tuple[PastEvent, ...]:
    """What changed the availability of targets, among requests with ids in this range (the first
    not taken in); in the order of their ids, not of time."""
    # Rare events are whole rows, found by their kind: nobody goes through all the others.
    row = event_row.c
    columns = (row.request_id, row.dt_us, row.kind, row.data, request.c.started_us)
    found = connection.execute(
        select(*columns)
        .join_from(event_row, request, request.c.id == row.request_id, isouter=True)
        .where(
            text("event_row.kind <> ''"),
            row.kind.in_(_MOVES),
            row.request_id > after_id,
            row.request_id <= until_id,
        )
        .order_by(row.request_id, row.seq)
    )
    return tuple(
        PastEvent(
            (made_at_us(number) if started_us is None else started_us) + dt_us,
            node_of(number),
            number,
            kind,
            orjson.loads(data),
        )
        for number, dt_us, kind, data, started_us in found.all()
    )


def past_attempts(
    connection: Connection, targets: Collection[Target], *, after_id: int, until_id: int
) -> tuple[PastAttempt, ...]:
    """Calls to some targets, whatever account they used, of requests in this range of ids."""
    models = sorted({(target.provider, target.model) for target in targets})
    if not models:
        return ()
    tried = attempt.c
    columns: Sequence[ColumnElement[Any]] = (
        tried.request_id,
        tried.provider,
        tried.model,
        tried.account,
        tried.started_us,
        tried.headers_us,
        tried.first_token_us,
        tried.duration_us,
        tried.outcome,
    )
    found = connection.execute(
        select(*columns)
        .where(
            tried.request_id > after_id,
            tried.request_id <= until_id,
            or_(*(and_(tried.provider == p, tried.model == m) for p, m in models)),
            tried.kind.in_(_ANSWERS),
        )
        .order_by(tried.request_id, tried.n)
    )
    return tuple(_past_attempt(row) for row in found)


def turns_between(
    connection: Connection, conversations: Collection[str], *, after_id: int, until_id: int
) -> tuple[PastTurn, ...]:
    """The answered turns of some conversations (a few hundred at most) in a range of ids."""
    found = connection.execute(
        select(*_TURN)
        .where(
            request.c.conversation_id.in_(conversations),
            request.c.id > after_id,
            request.c.id <= until_id,
            *_answered(),
        )
        .order_by(request.c.id)
    )
    return tuple(map(_turn, found))


def last_turns(
    connection: Connection, conversations: Collection[str], *, until_id: int
) -> tuple[PastTurn, ...]:
    """The last few answered turns of each of some conversations, up to an id, oldest first."""
    place = (
        func.row_number()
        .over(partition_by=request.c.conversation_id, order_by=request.c.id.desc())
        .label("place")
    )
    ranked = (
        select(*_TURN, place)
        .where(request.c.conversation_id.in_(conversations), request.c.id <= until_id, *_answered())
        .subquery()
    )
    found = connection.execute(
        select(*(ranked.c[column.name] for column in _TURN))
        .where(ranked.c.place <= _TURNS_BACK)
        .order_by(ranked.c.id)
    )
    return tuple(map(_turn, found))


def past_answers(
    connection: Connection, *, after_id: int, until_id: int, limit: int
) -> tuple[PastAnswer, ...]:
    """How models fared: attempts to answer above an id, in order; whole requests, so that the
    last one's id begins the next page.  ``limit`` counts requests."""
    ids = (
        select(request.c.id, request.c.category)
        .where(request.c.id > after_id, request.c.id <= until_id, request.c.purpose.in_(REPLAYED))
        .order_by(request.c.id)
        .limit(limit)
        .subquery()
    )
    tried = attempt.c
    columns: Sequence[ColumnElement[Any]] = (
        ids.c.id,
        ids.c.category,
        tried.provider,
        tried.model,
        tried.outcome,
        tried.duration_us,
        tried.first_token_us,
        tried.input_tokens,
        tried.output_tokens,
    )
    statement = (
        select(*columns)
        .join_from(
            ids,
            attempt,
            and_(tried.request_id == ids.c.id, tried.kind.in_(_ANSWERS)),
            isouter=True,
        )
        .order_by(ids.c.id, tried.n)
    )
    found = connection.execute(statement).all()
    if not found:
        return ()
    sizes = _body_sizes(connection, found[0].id, found[-1].id)
    return tuple(_answer(row, sizes.get(row.id)) for row in found)


def _body_sizes(connection: Connection, first_id: int, last_id: int) -> Mapping[int, int | None]:
    """The bytes of requests' bodies.  Asked for by themselves: joined from outside, SQLite would
    put all events of the ledger together for each page."""
    body_bytes = event.c.data["body_bytes"].as_integer().label("body_bytes")
    found = connection.execute(
        select(event.c.request_id, body_bytes).where(
            event.c.request_id.between(first_id, last_id),
            event.c.kind == RequestValidated.kind,
        )
    )
    return {row.request_id: row.body_bytes for row in found}


def node_of(number: int) -> int:
    """The process that gave an id."""
    return number >> SEQUENCE_BITS & MAX_NODE


_TURN: Final[Sequence[ColumnElement[Any]]] = (
    request.c.id,
    request.c.conversation_id,
    request.c.started_us,
    request.c.duration_us,
    request.c.ending,
    request.c.category,
    request.c.provider,
    request.c.model,
    request.c.cache_read_tokens,
)


def _answered() -> Iterator[ColumnElement[bool]]:
    yield request.c.purpose.in_(REPLAYED)
    yield request.c.provider.is_not(None)
    yield or_(request.c.ending == "completed", request.c.first_token_us.is_not(None))


def _past_attempt(row: Row[Any]) -> PastAttempt:
    ended_us = None if row.duration_us is None else row.started_us + row.duration_us
    first_token_us = None if row.first_token_us is None else row.started_us + row.first_token_us
    if first_token_us is None and row.outcome in _GOOD:
        first_token_us = ended_us  # it came whole
    return PastAttempt(
        request_id=row.request_id,
        node=node_of(row.request_id),
        target=Target(row.provider, row.model, row.account),
        started_us=row.started_us,
        headers_us=None if row.headers_us is None else row.started_us + row.headers_us,
        first_token_us=first_token_us,
        ended_us=ended_us,
    )


def _turn(row: Row[Any]) -> PastTurn:
    return PastTurn(
        request_id=row.id,
        node=node_of(row.id),
        conversation_id=row.conversation_id,
        finished_us=row.started_us + row.duration_us,
        completed=row.ending == "completed",
        category=None if row.category is None else intern(row.category),
        target=Target(intern(row.provider), intern(row.model)),
        cache_read_tokens=row.cache_read_tokens,
    )


def _answer(row: Row[Any], body_bytes: int | None) -> PastAnswer:
    tried = row.provider is not None
    return PastAnswer(
        request_id=row.id,
        category=row.category,
        target=Target(row.provider, row.model) if tried else None,
        ok=True if row.outcome in _GOOD else False if row.outcome in _BAD else None,
        duration_us=row.duration_us,
        first_token_us=row.first_token_us,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        body_bytes=body_bytes,
    )
