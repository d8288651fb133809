"""Lines of the spill file: those that other releases wrote, and those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from llmrouter.core.ledger import AttemptRow, RequestRecord, RequestRow
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.spill import read_payload, write_payload
from tests.store.conftest import OpenStore
from tests.store.samples import BODY, answered, ask

RECORD = answered(7, body=BODY)


def rewritten(record: RequestRecord, *, absent: bool) -> str:
    """A record's line as other releases write it: what its rows do not say is left out or null,
    their members stand in another order, and one of them we do not know."""
    document: dict[str, Any] = orjson.loads(write_payload(record))
    document["request"] = _row(record.request, absent=absent)
    document["attempts"] = [_row(attempt, absent=absent) for attempt in record.attempts]
    return orjson.dumps(document).decode()


def _row(row: RequestRow | AttemptRow, *, absent: bool) -> dict[str, Any]:
    told = {**row._asdict(), "mood": "calm"}
    defaults = {**dict.fromkeys(row._fields), **row._field_defaults}
    names = [name for name in told if not absent or told[name] != defaults.get(name)]
    return {name: told[name] for name in reversed(names)}


@pytest.mark.parametrize("absent", [True, False])
def test_a_line_of_another_release_is_read(*, absent: bool) -> None:
    line = rewritten(RECORD, absent=absent)
    assert line != write_payload(RECORD)
    assert read_payload(line) == RECORD


async def test_lines_that_are_no_payload_hold_up_no_other(
    opened: OpenStore, database: DatabaseAddress, tmp_path: Path
) -> None:
    document = orjson.loads(write_payload(RECORD))
    lines = [
        "[]",
        '"request"',
        orjson.dumps({**document, "request": []}).decode(),
        orjson.dumps({**document, "attempts": [[]]}).decode(),
        orjson.dumps({**document, "request": {"id": 8}}).decode(),
        orjson.dumps({**document, "request": {**document["request"], "id": None}}).decode(),
        rewritten(RECORD, absent=True),
    ]
    async with opened():
        pass  # so that there is a ledger, and a name for its spill file
    name = "node-0.spill" if database.path is None else f"{database.path.name}.spill"
    (tmp_path / name).write_text("\n".join(lines))
    async with opened() as store:
        assert await store.reader.body(RECORD.request.id) == BODY
        assert store.ledger.rejected == len(lines) - 1
    assert ask(database, "SELECT sum(requests) FROM usage_day") == [(1,)]
