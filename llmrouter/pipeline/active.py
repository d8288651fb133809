"""The running configuration: compiled once per version, pinned by each request, replaced whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmrouter.core.configuration import RouterConfig
from llmrouter.core.errors import ConfigurationInvalid, Conflict, FieldError, NotFound, Overloaded
from llmrouter.core.events import ConfigActivated, ConfigRejected, Event
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.pipeline.ports import Ledger, Prices, Versions
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.price_changes import PriceChanges, StatedBy, price_changes
from llmrouter.policy.seeds import as_document, parse_text
from llmrouter.policy.stated_prices import StatedPrice, built_in_prices
from llmrouter.policy.table import RoutingTable, compile_table

Edit = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Read = Callable[[Mapping[str, Any], str], RouterConfig]
"""Reads a document (in the sparse form) that came from the named source; raises
`ConfigurationInvalid`."""


_log = logging.getLogger(__name__)


class ActiveConfiguration:
    """Holds the table that new requests pin, and makes new versions.

    Changes are taken one after the other.  One that does not validate changes nothing: it raises
    `ConfigurationInvalid` with every fault and leaves a ``config.rejected`` event.  The prices that
    a version names are kept with the other prices, from the moment at which it began to run.
    """

    def __init__(self, versions: Versions, prices: Prices, ledger: Ledger, read: Read) -> None:
        self._versions = versions
        self._prices = prices
        self._ledger = ledger
        self._read = read
        self._changing = asyncio.Lock()
        self._book = PriceBook()
        self._table: RoutingTable | None = None
        self._version: ConfigurationVersion | None = None

    @property
    def table(self) -> RoutingTable:
        """The compiled running version."""
        if self._table is None:
            raise RuntimeError("the configuration has not been started")
        return self._table

    @property
    def version(self) -> ConfigurationVersion:
        """The running version as it is kept."""
        if self._version is None:
            raise RuntimeError("the configuration has not been started")
        return self._version

    async def start(self) -> None:
        """Takes up the newest version; in an empty ledger, the built-in one becomes the first."""
        self._book = await self._prices.add(built_in_prices())
        latest = await self._versions.latest()
        if latest is None:
            latest = await self._first()
        await self._activate(latest, self._read(latest.document, f"version {latest.number}"))

    async def _first(self) -> ConfigurationVersion:
        try:
            return await self._versions.add(
                {}, parent=None, author="default", note="the built-in configuration"
            )
        except Conflict:
            made = await self._versions.latest()  # by another node that starts with this one
            if made is None:
                raise
            return made

    async def catch_up(self) -> None:
        """Takes up the newest version where another node made it.

        One that this process cannot run (it lacks a variable of its environment, or is older than
        the node that made it) is told of and leaves the running version in place.
        """
        async with self._changing:
            await self._catch_up()

    async def _catch_up(self) -> None:
        latest = await self._versions.latest()
        if latest is None or latest.number <= self.version.number:
            return
        try:
            config = self._read(latest.document, f"version {latest.number}")
        except ConfigurationInvalid as error:
            _log.error("version %d stays: %s", self.version.number, error)
            self.reject(error)
            return
        await self._activate(latest, config)

    async def replace(
        self,
        document: Mapping[str, Any],
        *,
        author: str,
        note: str | None = None,
        source: str | None = None,
    ) -> ConfigurationVersion:
        """Makes a whole document the running version."""
        return await self.edit(lambda _: document, author=author, note=note, source=source)

    async def edit(
        self,
        change: Edit,
        *,
        author: str,
        note: str | None = None,
        source: str | None = None,
    ) -> ConfigurationVersion:
        """Makes a changed copy of the running document the new running version.

        ``source`` is what errors name as the document's origin, the author if nothing else.
        """
        source = source or author
        if not self._ledger.healthy:
            # A change that waits for the database might be made long after it was given up.
            raise Overloaded(
                "the configuration cannot be changed while the database is away",
                code="ledger_unavailable",
            )
        async with self._changing:
            await self._catch_up()
            parent = self.version
            try:
                document = as_document(change(parent.document), source=source)
                config = self._read(document, source)
            except ConfigurationInvalid as error:
                self.reject(error)
                raise
            version = await self._versions.add(
                document, parent=parent.number, author=author, note=note
            )
            await self._activate(version, config)
            return version

    async def rollback(self, number: int, *, author: str) -> ConfigurationVersion:
        """Makes an earlier version's document the newest one."""
        earlier = await self._versions.get(number)
        if earlier is None:
            raise NotFound(
                f"there is no configuration version {number}; the newest is {self.version.number}",
                code="version_not_found",
            )
        return await self.replace(
            earlier.document, author=author, note=f"rolled back to version {number}"
        )

    async def load_file(self, path: Path) -> ConfigurationVersion | None:
        """Imports a file when its content is not what was last imported from it.

        Raises `ConfigurationInvalid`; the running version stays.
        """
        source = str(path)
        text = await asyncio.to_thread(_read_text, path)
        try:
            document = as_document(parse_text(text, source), source=source)
        except ConfigurationInvalid as error:
            self.reject(error)
            raise
        note = file_note(path)
        while True:
            known = await self._versions.last_imported(note)
            if known is not None and known.document == document:
                await self.catch_up()
                return None
            try:
                return await self.replace(document, author="file", note=note, source=source)
            except Conflict:
                continue  # another node was faster, perhaps with this very file

    def reject(self, error: ConfigurationInvalid) -> None:
        """Records that an offered configuration was refused."""
        self._ledger.note([Event(0, ConfigRejected(error.source, _shown(error)))])

    @property
    def book(self) -> PriceBook:
        """Every price that is known."""
        return self._book

    async def state_prices(
        self, stated: Iterable[StatedPrice], *, by: StatedBy, now_us: int, dry_run: bool = False
    ) -> PriceChanges:
        """Adds what is new in some prices to those that are known, unless it is a ``dry_run``."""
        changes = price_changes(self._book, stated, by=by, now_us=now_us)
        if changes.added and not dry_run:
            self.reprice(await self._prices.add([change.after for change in changes.added]))
        return changes

    def reprice(self, book: PriceBook) -> None:
        """Lets new requests look prices up in this book."""
        self._book = book
        self._table = self.table.with_prices(book)

    async def take_up_prices(self) -> None:
        """Takes up the prices that another node has added."""
        self.reprice(await self._prices.book())

    async def _activate(self, version: ConfigurationVersion, config: RouterConfig) -> None:
        table = compile_table(version.number, version.document, config, before=self._table)
        try:
            self._book = await self._prices.configure(table.configured_prices)
        except Overloaded as error:
            # The version counts all the same.  Its prices have no id until the next one is made.
            _log.warning(
                "the prices of version %d are not in the ledger: %s", version.number, error
            )
            self._book = self._book.assuming(table.configured_prices)
        self._table = table.with_prices(self._book)
        self._version = version
        self._ledger.note(
            [
                Event(
                    0,
                    ConfigActivated(version.number, version.parent, version.author, version.note),
                )
            ]
        )


def file_note(path: Path) -> str:
    """How a version says which file it was imported from."""
    return f"imported from {path.name}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(
            [FieldError("file", f"cannot be read: {error}")], source=str(path)
        ) from error


def _shown(error: ConfigurationInvalid) -> tuple[Mapping[str, str], ...]:
    faults: Sequence[Mapping[str, str]] = [
        {"field": fault.field, "message": fault.message} for fault in error.errors
    ]
    return tuple(faults)
