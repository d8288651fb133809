"""How far models' token counts are from ours, kept over a restart."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from llmrouter.policy.token_ratios import LearntRatio
from llmrouter.store.engine import kind_of
from llmrouter.store.schema import token_ratio
from llmrouter.store.snapshots import Snapshots
from llmrouter.store.statements import run, statements_for
from llmrouter.store.writer import LedgerWriter

_COLUMNS = (
    token_ratio.c.model,
    token_ratio.c.kind,
    token_ratio.c.counted_tokens,
    token_ratio.c.reported_tokens,
)


class TokenRatios:
    """Implements `llmrouter.pipeline.estimator.RatioKeeper`."""

    def __init__(self, ledger: Snapshots, writer: LedgerWriter) -> None:
        self._ledger = ledger
        self._writer = writer

    async def load(self) -> tuple[LearntRatio, ...]:
        """Everything that was learnt, by this node or another."""
        return await self._ledger.ask(_load)

    async def keep(self, learnt: Sequence[LearntRatio]) -> None:
        """Writes what was learnt over what was known; the last node that learnt is right.

        Raises `Overloaded`.
        """
        rows: list[tuple[object, ...]] = [
            (row.model, row.kind, row.counted_tokens, row.reported_tokens) for row in learnt
        ]
        await self._writer.transact(lambda connection: _write(connection, rows))


def _load(connection: Connection) -> tuple[LearntRatio, ...]:
    rows = connection.execute(select(*_COLUMNS).order_by(*_COLUMNS[:2]))
    return tuple(LearntRatio(*row) for row in rows)


def _write(connection: Connection, rows: list[tuple[object, ...]]) -> None:
    run(connection, statements_for(kind_of(connection)).set_token_ratio, rows)
