"""Costs computed anew: correcting events, and rows and sums that follow from them.

What was said before stays: an ``attempt.repriced`` event is added to the request's events, and its
rows are folded from them all.  A cost that a provider reported is its own word, and one that is
known never becomes unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from llmrouter.core.events import (
    AttemptFailed,
    AttemptRepriced,
    AttemptSucceeded,
    Event,
    read_event,
)
from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.records import Record, replace
from llmrouter.core.routing import Target
from llmrouter.core.usage import Cost, CostBasis, Usage
from llmrouter.policy.fold import fold_request
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.pricing import cost_of
from llmrouter.store import schema
from llmrouter.store.engine import kind_of
from llmrouter.store.heads import whole_rows
from llmrouter.store.queries.rows import (
    attempt_row,
    request_row,
    select_attempts,
    select_requests,
)
from llmrouter.store.rollups import difference, sum_up, write_rollups
from llmrouter.store.statements import run, statements_for

AT_ONCE: Final = 200
"""Requests in one transaction, between which others are written."""


class Repricing(Record):
    """Which requests: from a moment on, until another, of one target or of all."""

    since_us: int
    until_us: int | None = None
    target: Target | None = None


class Repriced(Record):
    """What a step found: how many requests it looked at, how many calls' costs it corrected, what
    these had cost and cost now, and how many requests' events are no longer there.

    ``last_id`` is where the next step goes on; None when there is none.
    """

    requests: int = 0
    changed: int = 0
    newly_known: int = 0
    before_nusd: int = 0
    after_nusd: int = 0
    without_events: int = 0
    last_id: int | None = None


def reprice_step(
    connection: Connection,
    wanted: Repricing,
    book: PriceBook,
    *,
    now_us: int,
    after_id: int = 0,
    dry_run: bool = False,
) -> Repriced:
    """Corrects the costs of the next requests, in the caller's transaction."""
    ids = _candidates(connection, wanted, after_id)
    found = Repriced(requests=len(ids), last_id=ids[-1] if len(ids) == AT_ONCE else None)
    if not ids:
        return found
    of_requests = select_requests().where(schema.request.c.id.in_(ids))
    of_attempts = select_attempts().where(schema.attempt.c.request_id.in_(ids))
    requests = [request_row(row) for row in connection.execute(of_requests)]
    attempts = [attempt_row(row) for row in connection.execute(of_attempts)]
    events = _events(connection, ids)
    before: tuple[list[RequestRow], list[AttemptRow]] = ([], [])
    after: tuple[list[RequestRow], list[AttemptRow]] = ([], [])
    for request in requests:
        own = [attempt for attempt in attempts if attempt.request_id == request.id]
        told = events.get(request.id, [])
        corrections = _corrections(request, own, told, wanted, book)
        if corrections is None:
            found = replace(found, without_events=found.without_events + 1)
            continue
        if not corrections:
            continue
        found = _counted(found, corrections)
        dt_us = now_us - request.started_us
        added = [Event(dt_us, correction) for correction in corrections]
        folded, folded_attempts = fold_request(request.id, [*told, *added])
        before[0].append(request)
        before[1].extend(own)
        after[0].append(request._replace(**_cost_columns(folded)))
        after[1].extend(
            old._replace(**_cost_columns(new))
            for old, new in zip(sorted(own, key=_n), folded_attempts, strict=True)
        )
        if not dry_run:
            _add_events(connection, request.id, len(told), added)
    if not dry_run:
        _write(connection, before, after)
    return found


def _candidates(connection: Connection, wanted: Repricing, after_id: int) -> list[int]:
    """Requests that are over, with calls whose tokens are known and whose cost we computed."""
    row, call = schema.request.c, schema.attempt.c
    statement = (
        select(row.id)
        .join(schema.attempt, call.request_id == row.id)
        .where(
            row.id > after_id,
            row.started_us >= wanted.since_us,
            call.cost_basis != "provider_reported",
            call.usage_source != "none",
        )
    )
    if wanted.until_us is not None:
        statement = statement.where(row.started_us < wanted.until_us)
    if wanted.target is not None:
        statement = statement.where(
            call.provider == wanted.target.provider, call.model == wanted.target.model
        )
    chosen = statement.distinct().order_by(row.id).limit(AT_ONCE)
    return list(connection.execute(chosen).scalars())


def _events(connection: Connection, ids: Sequence[int]) -> dict[int, list[Event]]:
    stored = schema.event.c
    found: dict[int, list[Event]] = {}
    statement = (
        select(stored.request_id, stored.kind, stored.dt_us, stored.data)
        .where(stored.request_id.in_(ids))
        .order_by(stored.request_id, stored.seq)
    )
    for request_id, kind, dt_us, data in connection.execute(statement):
        found.setdefault(request_id, []).append(read_event(kind, dt_us, data))
    return found


def _corrections(
    request: RequestRow,
    attempts: Sequence[AttemptRow],
    events: Sequence[Event],
    wanted: Repricing,
    book: PriceBook,
) -> list[AttemptRepriced] | None:
    """What is to be said of a request's calls; None when it can no longer be known."""
    usages: dict[int, Usage] = {}
    for event in events:
        if isinstance(event.data, AttemptSucceeded | AttemptFailed):
            usages[event.data.n] = event.data.usage
    corrections = []
    for attempt in attempts:
        target = Target(attempt.provider, attempt.model)
        if attempt.cost_basis == "provider_reported" or attempt.usage_source == "none":
            continue
        if wanted.target not in (None, target):
            continue
        if attempt.n not in usages:
            return None
        cost = _cost(attempt, usages[attempt.n], target, request.started_us, book)
        if cost is None or (cost.nusd, cost.basis) == (attempt.cost_nusd, attempt.cost_basis):
            continue
        corrections.append(
            AttemptRepriced(
                n=attempt.n,
                cost_nusd=cost.nusd,
                cost_basis=cost.basis,
                price_id=cost.price_id,
                previous_cost_nusd=attempt.cost_nusd,
                previous_cost_basis=attempt.cost_basis,
                previous_price_id=attempt.price_id,
            )
        )
    return corrections


def _cost(
    attempt: AttemptRow, usage: Usage, target: Target, at_us: int, book: PriceBook
) -> Cost | None:
    card = book.card(target, at_us)
    nusd = None if card is None else cost_of(usage, card, attempt.service_tier)
    if card is None or nusd is None:
        return None
    basis: CostBasis = "computed" if attempt.usage_source == "provider" else "estimated"
    return Cost(nusd, basis, card.id)


def _counted(found: Repriced, corrections: Sequence[AttemptRepriced]) -> Repriced:
    return replace(
        found,
        changed=found.changed + len(corrections),
        newly_known=found.newly_known + sum(c.previous_cost_nusd is None for c in corrections),
        before_nusd=found.before_nusd + sum(c.previous_cost_nusd or 0 for c in corrections),
        after_nusd=found.after_nusd + sum(c.cost_nusd or 0 for c in corrections),
    )


def _cost_columns(row: RequestRow | AttemptRow) -> Mapping[str, Any]:
    return {"cost_nusd": row.cost_nusd, "cost_basis": row.cost_basis, "price_id": row.price_id}


def _n(attempt: AttemptRow) -> int:
    return attempt.n


def _add_events(
    connection: Connection, request_id: int, first_seq: int, events: Sequence[Event]
) -> None:
    rows = whole_rows(request_id, first_seq, events)
    run(connection, statements_for(kind_of(connection)).insert_event, rows)


def _write(
    connection: Connection,
    before: tuple[Sequence[RequestRow], Sequence[AttemptRow]],
    after: tuple[Sequence[RequestRow], Sequence[AttemptRow]],
) -> None:
    request, attempt = schema.request, schema.attempt
    for row in after[0]:
        connection.execute(
            update(request).where(request.c.id == row.id).values(**_cost_columns(row))
        )
    for call in after[1]:
        key = (attempt.c.request_id == call.request_id, attempt.c.n == call.n)
        connection.execute(update(attempt).where(*key).values(**_cost_columns(call)))
    write_rollups(
        connection, statements_for(kind_of(connection)), difference(sum_up(*after), sum_up(*before))
    )
    sums = schema.usage_attempt_day
    connection.execute(delete(sums).where(sums.c.attempts == 0))
