"""Keeps replays and their results; every step is a transaction between the ledger's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from llmrouter.core.clock import Clock
from llmrouter.core.errors import Conflict
from llmrouter.core.records import replace
from llmrouter.core.replay import ReplayKind, ReplayResult, ReplayRow, ReplayState
from llmrouter.store.queries.among import among
from llmrouter.store.queries.replays import REPLAY_COLUMNS, RESULT_COLUMNS
from llmrouter.store.schema import replay_results, replays
from llmrouter.store.writer import LedgerWriter


class ReplayKeeper:
    """Implements `llmrouter.replay.ports.Keeper`."""

    def __init__(self, writer: LedgerWriter, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def begin(
        self,
        kind: ReplayKind,
        *,
        label: str,
        candidate: Mapping[str, Any] | None,
        base_version: int | None,
        options: Mapping[str, Any],
    ) -> ReplayRow:
        """A new replay, which runs."""
        now_us = self._clock.now_us()
        draft = ReplayRow(
            id=0,
            kind=kind,
            state="running",
            created_us=now_us,
            updated_us=now_us,
            label=label,
            base_version=base_version,
            candidate=candidate,
            options=options,
        )
        try:
            return await self._writer.transact(lambda connection: _insert(connection, draft))
        except IntegrityError:
            raise Conflict("another replay began at the same moment; try again") from None

    async def keep(
        self,
        number: int,
        results: Sequence[ReplayResult],
        *,
        done: int,
        changed: int,
        requests: int | None = None,
    ) -> None:
        """Adds results and notes how far the replay has come.  A request that is settled already
        is settled anew."""
        progress = {"done": done, "changed": changed, "updated_us": self._clock.now_us()}
        if requests is not None:
            progress["requests"] = requests

        def write(connection: Connection) -> None:
            _put(connection, number, results)
            connection.execute(update(replays).where(replays.c.id == number).values(progress))

        await self._writer.transact(write)

    async def end(
        self, number: int, state: ReplayState, report: Mapping[str, Any] | None = None
    ) -> None:
        """Notes that a replay finished, was interrupted, or goes on."""
        now_us = self._clock.now_us()
        values: dict[str, Any] = {"state": state, "updated_us": now_us}
        if state == "finished":
            values |= {"finished_us": now_us, "report": report}
        await self._writer.transact(
            lambda connection: connection.execute(
                update(replays).where(replays.c.id == number).values(values)
            )
        )


def _insert(connection: Connection, draft: ReplayRow) -> ReplayRow:
    newest = connection.execute(select(func.max(replays.c.id))).scalar() or 0
    made = replace(draft, id=newest + 1)
    connection.execute(insert(replays).values(_values(made, REPLAY_COLUMNS)))
    return made


def _put(connection: Connection, number: int, results: Sequence[ReplayResult]) -> None:
    if not results:
        return
    kept = replay_results.c
    ids = [result.request_id for result in results]
    connection.execute(
        delete(replay_results).where(
            kept.replay_id == number, among(connection, kept.request_id, ids)
        )
    )
    rows = [_values(result, RESULT_COLUMNS) for result in results]
    connection.execute(insert(replay_results), rows)


def _values(row: ReplayRow | ReplayResult, columns: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in columns}
