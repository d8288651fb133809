"""The configuration that each request ran with, compiled again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, Protocol

from llmrouter.core.configuration import BUILT_IN_CATEGORIES
from llmrouter.core.errors import ConfigurationInvalid
from llmrouter.core.events import RequestClassified
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.core.replay import LoggedRequest
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.table import RoutingTable, compile_table
from llmrouter.replay.candidate import Read

KEPT: Final = 16
"""Compiled versions; most traffic ran under the last few."""


class VersionLog(Protocol):
    """Where versions are kept."""

    async def latest(self) -> ConfigurationVersion | None:
        """The newest version, None in an empty ledger."""

    async def get(self, number: int) -> ConfigurationVersion | None:
        """One version."""


class RanWith:
    """Gives the table that a request ran with.

    ``book`` has the prices of all times; without one, each version's own are all there are.
    """

    def __init__(self, versions: VersionLog, read: Read, book: PriceBook | None = None) -> None:
        self._book = book
        self._versions = versions
        self._read = read
        self._tables: OrderedDict[tuple[int, str | None], RoutingTable | None] = OrderedDict()

    async def table(self, logged: LoggedRequest) -> RoutingTable | None:
        """None when the version is not kept, or means nothing to this program any more."""
        told = logged.told.get(RequestClassified.kind, {})
        key = (logged.row.config_version, told.get("mode_asked"))
        if key not in self._tables:
            self._tables[key] = await self._compiled(*key)
            if len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        return self._tables[key]

    async def _compiled(self, number: int, mode: str | None) -> RoutingTable | None:
        version = await self._versions.get(number)
        if version is None:
            return None
        # The mode may have come from the environment of then.
        document = with_mode(version.document, mode)
        try:
            config = self._read(document, f"configuration version {number}")
        except ConfigurationInvalid:
            return None
        return compile_table(number, version.document, config, self._book)


def with_mode(document: Mapping[str, Any], mode: str | None) -> Mapping[str, Any]:
    """The document with this mode where it names none itself."""
    routing = document.get("routing", {})
    if mode is None or (isinstance(routing, Mapping) and "mode" in routing):
        return document
    return {**document, "routing": {**routing, "mode": mode}}


def reads_alike(one: RoutingTable, other: RoutingTable) -> bool:
    """Whether two configurations give every text the same category."""
    return _reading(one) == _reading(other)


def _reading(table: RoutingTable) -> tuple[Any, ...]:
    routing, categories = table.config.routing, table.config.categories
    # What a built-in category is for stands in the question to a model only.
    asks = routing.mode not in ("keywords", "local")
    return (
        routing.mode,
        routing.default_category,
        routing.tools_category,
        [
            (
                name,
                category.keywords,
                category.examples,
                category.description if asks or name not in BUILT_IN_CATEGORIES else None,
            )
            for name, category in categories.items()
        ],
    )
