"""What the server's pages and endpoints are given to work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from quart import current_app

from llmrouter.core.clock import Clock
from llmrouter.core.configuration import nearest
from llmrouter.core.errors import NotFound
from llmrouter.core.ids import RequestIds
from llmrouter.core.records import Record
from llmrouter.core.replay import LiveAsked, ReplayAsked, ReplayKind, ReplayRow
from llmrouter.core.routing import DialectName
from llmrouter.dialects.wire import Dialect
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.pipeline.availability import Availability
from llmrouter.pipeline.capacity import Capacity
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.ports import Keyring, Ledger, Versions
from llmrouter.pipeline.runner import Pipeline
from llmrouter.pipeline.stages.classify import Classify
from llmrouter.pipeline.traffic import Traffic
from llmrouter.store.prices import Prices
from llmrouter.store.reader import LedgerReader

EXTENSION = "llmrouter"


class ReplayDesk(Protocol):
    """Takes orders for replays, which go on in the background."""

    async def start(self, asked: ReplayAsked) -> ReplayRow:
        """Begins a replay.  Raises `ConfigurationInvalid`, `NotFound` and `Conflict`."""

    async def start_live(self, asked: ReplayAsked, wanted: LiveAsked) -> ReplayRow:
        """Begins one that really sends requests.  Raises the same, and `InvalidRequest`."""

    async def kind_of(self, number: int) -> ReplayKind | None:
        """Of which kind one is; None when there is none."""

    async def resume(self, number: int) -> ReplayRow:
        """Goes on with one that was interrupted.  Raises `NotFound` and `Conflict`."""

    async def resume_live(self, number: int, wanted: LiveAsked) -> ReplayRow:
        """Goes on with a live one.  Raises `NotFound`, `Conflict` and `InvalidRequest`."""


class Services(Record):
    """One server's parts, joined by `llmrouter.bootstrap`."""

    configuration: ActiveConfiguration
    availability: Availability
    capacity: Capacity
    knowledge: Knowledge
    classify: Classify
    explainer: Pipeline
    """The forward stages without `call`: nothing is sent, nothing is accounted."""
    ledger: Ledger
    versions: Versions
    prices: Prices
    reader: LedgerReader
    replay_desk: Callable[[], Awaitable[ReplayDesk]]
    """It is opened when it is first needed."""
    keyring: Keyring
    traffic: Traffic
    dialects: Mapping[DialectName, Dialect]
    ids: RequestIds
    clock: Clock
    ollama_base_url: str
    ollama_router_model: str


def services() -> Services:
    """The parts of the server that answers the current request."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def require_category(part: Services, name: str) -> None:
    """Raises `NotFound`, with the nearest name, when there is no such category."""
    known = part.configuration.table.config.categories
    if name not in known:
        guess = nearest(name, known)
        hint = f"did you mean `{guess}`?" if guess else f"categories: {', '.join(known)}"
        raise NotFound(
            f"there is no category `{name[:100]}`; {hint}",
            code="category_not_found",
            param="category",
        )
