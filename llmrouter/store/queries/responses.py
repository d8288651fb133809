"""Replies that a client may go on from, and everything that led to them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Integer, literal, select

from llmrouter.core.ledger import ResponseState
from llmrouter.store.packing import inflate
from llmrouter.store.schema import response_state

LONGEST: Final = 10_000
"""Replies in a row; it also ends the walk should a provider give an id twice."""


def response_chain(connection: Connection, response_id: str) -> tuple[ResponseState, ...]:
    """The reply and those before it, oldest first; empty when one of them is not kept."""
    kept = response_state.c
    columns = (kept.response_id, kept.previous_id, kept.provider, kept.conversation_id, kept.data)
    chain = (
        select(*columns, literal(0, Integer).label("back"))
        .where(kept.response_id == response_id)
        .cte("chain", recursive=True)
    )
    before = (
        select(*columns, chain.c.back + 1)
        .join(chain, kept.response_id == chain.c.previous_id)
        .where(chain.c.back < LONGEST)
    )
    chain = chain.union_all(before)
    found = connection.execute(select(chain).order_by(chain.c.back.desc())).all()
    if not found or found[0].previous_id is not None:
        return ()
    return tuple(
        ResponseState(
            row.response_id,
            inflate(row.data),
            row.previous_id,
            row.provider,
            row.conversation_id,
        )
        for row in found
    )
