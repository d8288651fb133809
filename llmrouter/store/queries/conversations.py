"""How a conversation went so far: what continuity needs when the process does not remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from llmrouter.core.events import AttemptSucceeded, RequestClassified, RequestValidated
from llmrouter.core.ledger import RequestRow
from llmrouter.core.records import Record
from llmrouter.store.queries.rows import request_row, select_requests
from llmrouter.store.schema import event, request


class ConversationTurn(Record):
    """The last answered turn of a conversation.

    ``scores`` are its classification's; ``tools`` is how many tools it carried, ``called_tools``
    whether the answer used one.
    """

    request: RequestRow
    scores: Mapping[str, float]
    tools: int
    called_tools: bool


def last_turn(connection: Connection, conversation_id: str) -> ConversationTurn | None:
    """The last turn of a conversation that was answered in full; None for an unknown one."""
    row = (
        connection.execute(
            select_requests()
            .where(
                request.c.conversation_id == conversation_id,
                request.c.ending == "completed",
                request.c.purpose == "live",
            )
            .order_by(request.c.id.desc())
            .limit(1)
        )
    ).first()
    if row is None:
        return None
    turn = request_row(row)
    wanted = (RequestValidated.kind, RequestClassified.kind, AttemptSucceeded.kind)
    events = connection.execute(
        select(event.c.kind, event.c.data)
        .where(event.c.request_id == turn.id, event.c.kind.in_(wanted))
        .order_by(event.c.seq)
    )
    told: dict[str, Mapping[str, Any]] = {row.kind: row.data for row in events}
    return ConversationTurn(
        request=turn,
        scores=told.get(RequestClassified.kind, {}).get("scores", {}),
        tools=told.get(RequestValidated.kind, {}).get("tools", 0),
        called_tools=told.get(AttemptSucceeded.kind, {}).get("finish_reason") == "tool_calls",
    )
