"""What people said of categories: the corrections, counted."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, select

from llmrouter.core.events import RequestCorrected
from llmrouter.core.ids import id_floor
from llmrouter.core.records import Record
from llmrouter.store.schema import event


class CorrectionCount(Record):
    """How often a category was corrected to another, by the mode that had decided; a correction
    to the same category confirms it."""

    decided: str | None
    corrected: str
    mode: str | None
    requests: int


def corrections(
    connection: Connection, *, since_us: int | None = None
) -> tuple[CorrectionCount, ...]:
    """All corrections, the most frequent first; of several for one request the last counts."""
    statement = select(event.c.data).where(event.c.kind == RequestCorrected.kind)
    if since_us is not None:
        statement = statement.where(event.c.request_id >= id_floor(since_us))
    last: dict[str, tuple[str | None, str, str | None]] = {}
    for data in connection.execute(statement.order_by(event.c.request_id)).scalars():
        last[data["request"]] = (data.get("category"), data["corrected"], data.get("mode"))
    return tuple(
        CorrectionCount(*counted, requests)
        for counted, requests in Counter(last.values()).most_common()
    )
