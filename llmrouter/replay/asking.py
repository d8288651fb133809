"""From what somebody asked to a replay that can run: the same for the command line, HTTP, and the
process that does the work."""

from __future__ import annotations

from typing import Any, Protocol

from llmrouter.core.errors import ConfigurationInvalid, FieldError, NotFound
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.core.records import Record
from llmrouter.core.replay import ReplayAsked, ReplayRow, ReplayWindow
from llmrouter.pipeline.ports import Keyring
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.table import compile_table
from llmrouter.replay.candidate import (
    SOURCE,
    Candidate,
    Change,
    Read,
    make_candidate,
    read_change,
)
from llmrouter.replay.offline import OfflineReplay, Progress
from llmrouter.replay.options import ReplayOptions, read_options
from llmrouter.replay.ports import Keeper, Log, ResultKeeper
from llmrouter.replay.versions import RanWith, VersionLog


class PriceLog(Protocol):
    """Where prices are kept."""

    async def book(self) -> PriceBook:
        """The prices of all times."""


class Replays(Record):
    """What replays are made with."""

    log: Log
    versions: VersionLog
    prices: PriceLog
    read: Read
    today: Keyring

    async def candidate(self, asked: ReplayAsked) -> Candidate:
        """The configuration that is to be tried.  Raises `ConfigurationInvalid`, `NotFound`."""
        base = await self._base(asked.version)
        changes = list(map(_change, asked.changes))
        if asked.mode is not None:
            changes.append(Change(("routing", "mode"), asked.mode))
        return make_candidate(
            base,
            read=self.read,
            document=asked.document,
            document_label=asked.document_label,
            changes=changes,
        )

    async def begin(self, asked: ReplayAsked, keeper: Keeper) -> ReplayRow:
        """Keeps a new replay, which is still to be run."""
        candidate = await self.candidate(asked)
        options = ReplayOptions(asked.window, asked.breakers, asked.prices)
        await self.require_requests(asked.window)
        return await keeper.begin(
            "offline",
            label=candidate.label,
            candidate=candidate.document,
            base_version=candidate.base_version,
            options=options.document(),
        )

    async def require_requests(self, window: ReplayWindow) -> None:
        """Raises `NotFound` for a window without requests."""
        if not await self.log.count(window):
            raise NotFound(
                "there are no requests in this window; `llmrouter requests` lists what there is",
                code="empty_window",
            )

    async def run(
        self, row: ReplayRow, keeper: ResultKeeper, progress: Progress = lambda done, of: None
    ) -> dict[str, Any]:
        """Runs a replay that was begun to its end, and gives its report."""
        candidate = await self.kept_candidate(row)
        book = await self.prices.book()
        replay = OfflineReplay(
            self.log,
            keeper,
            RanWith(self.versions, self.read, book),
            self.today,
            candidate=candidate,
            options=read_options(row.options),
            progress=progress,
        )
        return await replay.run(row)

    async def kept_candidate(self, row: ReplayRow) -> Candidate:
        """The candidate again.  Prices that it names otherwise than its base count for all times;
        the rest are those of the moment that is asked for, as far as any was known then."""
        document = row.candidate or {}
        table = compile_table(row.base_version or 0, document, self.read(document, row.label))
        base = await self.versions.get(row.base_version) if row.base_version else None
        same = base is not None and base.document.get("prices") == document.get("prices")
        prices, book = table.configured_prices, await self.prices.book()
        book = book.backed_by(prices) if same else book.assuming(prices)
        return Candidate(table.with_prices(book), document, row.label, row.base_version)

    async def _base(self, number: int | None) -> ConfigurationVersion | None:
        if number is None:
            return await self.versions.latest()
        found = await self.versions.get(number)
        if found is None:
            raise NotFound(f"there is no configuration version {number}", code="version_not_found")
        return found


def _change(text: str) -> Change:
    try:
        return read_change(text)
    except ValueError as error:
        raise ConfigurationInvalid([FieldError("set", str(error))], source=SOURCE) from None
