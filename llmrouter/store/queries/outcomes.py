"""How the live requests of one configuration version went, counted in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Float, and_, case, cast, distinct, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from llmrouter.core.ids import id_floor
from llmrouter.policy.statistics import quantile_ranks
from llmrouter.policy.version_comparison import QUANTILES, Count, Quantile, Sums, VersionOutcome
from llmrouter.store.queries.among import among
from llmrouter.store.schema import attempt, config_version, request

INPUT_STEPS: Final = (256, 1_024, 4_096, 16_384, 65_536)
"""Input tokens are counted up to each of these, and beyond."""

SAMPLE: Final = 25_000
"""Of more requests, quantiles, mixtures and fallbacks are taken of so many: to sort a million
takes seconds, and an interval that is a tenth as wide tells nobody more."""

_PRIME: Final = 1_000_003
_STRIDE: Final = 618_035
"""Ids grow in steps, which have nothing in common with a prime; and neighbours are taken far from
each other (by the golden section of it), so that any stretch of time is drawn from alike."""

_CLOCKS_DIFFER_US: Final = 60_000_000
"""How much earlier than its version a request of another machine may seem to be."""

_BLOCK_HOURS: Final = 4
_BLOCK_US: Final = _BLOCK_HOURS * 3_600_000_000


def version_outcome(
    connection: Connection,
    version: int,
    *,
    since_us: int | None = None,
    until_us: int | None = None,
) -> VersionOutcome:
    """One version's live requests, of those that arrived in the window."""
    wanted = _wanted(connection, version, since_us, until_us)
    totals = drawn = connection.execute(_totals().where(wanted)).one()
    sent = int(totals.requests) - int(totals.rejected)
    sampled = int(totals.requests) > SAMPLE
    if sampled:
        wanted = _by_lot(connection, wanted, int(totals.requests))
        drawn = connection.execute(_totals().where(wanted)).one()
    mixtures = _mixtures(connection, wanted)
    return VersionOutcome(
        version=version,
        requests=int(totals.requests),
        first_us=totals.first_us,
        last_us=totals.last_us,
        shares={
            "error_rate": Count(int(totals.failed), sent),
            "fallback_rate": Count(
                _fallbacks(connection, wanted), int(drawn.requests) - int(drawn.rejected)
            ),
            "client_left_rate": Count(int(totals.left), sent),
            "rejected_rate": Count(int(totals.rejected), int(totals.requests)),
        },
        cost=Sums(
            int(totals.costs),
            float(totals.cost_total),
            float(totals.cost_squares),
            int(totals.cost_unknown),
        ),
        quantiles={
            **_quantiles(
                connection, wanted, "latency", request.c.duration_us, int(drawn.completed)
            ),
            **_quantiles(
                connection, wanted, "first_token", request.c.first_token_us, int(drawn.begun)
            ),
        },
        categories=mixtures.pop("category"),
        traffic=mixtures,
        sampled=int(drawn.requests) if sampled else None,
    )


def _wanted(
    connection: Connection, version: int, since_us: int | None, until_us: int | None
) -> ColumnElement[bool]:
    """The version's rows; nothing that arrived before it was made need be read."""
    made = connection.execute(
        select(config_version.c.created_us).where(config_version.c.version == version)
    )
    from_us = max(since_us or 0, (made.scalar() or 0) - _CLOCKS_DIFFER_US)
    conditions = [
        request.c.config_version == version,
        request.c.purpose == "live",
        request.c.id >= id_floor(from_us),
    ]
    if until_us is not None:
        conditions.append(request.c.id < id_floor(until_us))
    return and_(*conditions)


def _by_lot(
    connection: Connection, wanted: ColumnElement[bool], requests: int
) -> ColumnElement[bool]:
    """About `SAMPLE` of the wanted rows, always the same ones."""
    place = (request.c.id % _PRIME) * _STRIDE % _PRIME
    lot = place < _PRIME * SAMPLE // requests
    ids = connection.execute(select(request.c.id).where(wanted, lot)).scalars().all()
    return among(connection, request.c.id, ids)


def _totals() -> Any:
    row = request.c
    # Squares of nano-dollars pass 64 bits.
    cost = cast(row.cost_nusd, Float)
    reached = and_(row.attempts > 0, row.ending != "rejected")
    return select(
        func.count().label("requests"),
        func.min(row.started_us).label("first_us"),
        func.max(row.started_us).label("last_us"),
        _count(row.ending == "rejected").label("rejected"),
        _count(row.ending.in_(("failed", "interrupted"))).label("failed"),
        _count(row.ending == "disconnected").label("left"),
        _count(row.ending == "completed").label("completed"),
        _count(and_(row.ending == "completed", row.first_token_us.is_not(None))).label("begun"),
        _count(and_(reached, row.cost_nusd.is_not(None))).label("costs"),
        _count(and_(reached, row.cost_nusd.is_(None))).label("cost_unknown"),
        func.coalesce(func.sum(case((reached, cost))), 0.0).label("cost_total"),
        func.coalesce(func.sum(case((reached, cost * cost))), 0.0).label("cost_squares"),
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _fallbacks(connection: Connection, wanted: ColumnElement[bool]) -> int:
    """Requests for which more than one target was asked."""
    tried = attempt.c
    targets = (
        select(func.count(distinct(tried.provider + "/" + tried.model)))
        .where(tried.request_id == request.c.id, tried.kind.in_(("chat", "hedge")))
        .scalar_subquery()
    )
    statement = select(func.count()).where(wanted, request.c.attempts > 1, targets > 1)
    return int(connection.execute(statement).scalar_one())


def _quantiles(
    connection: Connection,
    wanted: ColumnElement[bool],
    name: str,
    duration_us: ColumnElement[int],
    n: int,
) -> dict[str, Quantile]:
    """The quantiles over the ``n`` completed requests that have it, by name; empty without any."""
    if n == 0:
        return {}
    measured = and_(wanted, request.c.ending == "completed", duration_us.is_not(None))
    ranks = {q: quantile_ranks(n, q) for q in QUANTILES}
    places = {place for rank in ranks.values() for place in rank if place is not None}
    ordered = select(
        duration_us.label("us"), func.row_number().over(order_by=duration_us).label("place")
    ).where(measured)
    rows = ordered.subquery()
    found = connection.execute(
        select(rows.c.place, rows.c.us).where(or_(*(rows.c.place == place for place in places)))
    )
    at: dict[int | None, int] = {int(row.place): int(row.us) for row in found}
    return {
        f"{name}_p{q * 100:.0f}": Quantile(n, at[rank.at], at.get(rank.low), at.get(rank.high))
        for q, rank in ranks.items()
    }


def _mixtures(connection: Connection, wanted: ColumnElement[bool]) -> dict[str, Mapping[str, int]]:
    """How many requests there were of each kind, by dimension; the rows are read once."""
    kinds = [kind.label(name) for name, kind in _dimensions().items()]
    statement = select(*kinds, func.count()).where(wanted).group_by(*kinds)
    mixtures: dict[str, Counter[str]] = {kind.name: Counter() for kind in kinds}
    for *found, requests in connection.execute(statement):
        for mixture, kind in zip(mixtures.values(), found, strict=True):
            mixture[kind] += requests
    return dict(mixtures)


def _dimensions() -> Mapping[str, ColumnElement[Any]]:
    """The category, and what a client chooses: one expression per dimension of `TRAFFIC`."""
    row = request.c
    block = row.started_us // _BLOCK_US % (24 // _BLOCK_HOURS)
    return {
        "category": func.coalesce(row.category, "(none)"),
        "key": func.coalesce(row.key_id, "(no key)"),
        "dialect": row.dialect,
        "stream": case((row.stream, "streams"), else_="whole answers"),
        "requested_model": func.coalesce(row.requested_model, "(none)"),
        "input_tokens": case(
            (row.input_tokens.is_(None), "(not known)"),
            *((row.input_tokens <= step, f"up to {step:,} tokens") for step in INPUT_STEPS),
            else_=f"over {INPUT_STEPS[-1]:,} tokens",
        ),
        "time_of_day": case(
            *(
                (block == number, f"{number * _BLOCK_HOURS:02d}-{(number + 1) * _BLOCK_HOURS:02d}h")
                for number in range(24 // _BLOCK_HOURS)
            )
        ),
    }
