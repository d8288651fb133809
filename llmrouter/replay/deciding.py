"""A logged request through the same stages that decide on a live one, under any configuration.

Nobody is called: what a classifier behind a network said is taken from the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmrouter.core.clock import FakeClock
from llmrouter.core.events import (
    EventData,
    RequestClassified,
    RequestReceived,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.records import Record
from llmrouter.core.replay import LoggedRequest
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import Classification, Decision, Mode
from llmrouter.dialects.registry import DIALECTS
from llmrouter.dialects.wire import AddressedDialect, Dialect, RequestAddress
from llmrouter.pipeline.classifiers import Keywords, Local, Opinion
from llmrouter.pipeline.exchange import Caller, Exchange
from llmrouter.pipeline.ports import ResponseStates
from llmrouter.pipeline.runner import Pipeline
from llmrouter.pipeline.stages.classify import Classify
from llmrouter.pipeline.stages.select import Select
from llmrouter.pipeline.stages.validate import Validate
from llmrouter.policy.classifier import LocalClassifier
from llmrouter.policy.needs import key_variable
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.flags import Flag
from llmrouter.replay.world import Due, World

NAME_ERRORS: Final = frozenset(
    {"model_not_found", "provider_not_found", "wrong_provider", "validation_error"}
)
"""Refusals that follow from the configuration and the request alone, so that they are repeated."""

_DIALECTS: Final[Mapping[str, Dialect]] = {str(name): spoken for name, spoken in DIALECTS.items()}
_ADDRESSED: Final[Mapping[str, AddressedDialect]] = {
    name: dialect for name, dialect in _DIALECTS.items() if isinstance(dialect, AddressedDialect)
}
_SESSION_HEADER: Final = "x-session-id"


class Decided(Record):
    """What was decided, or would have been; ``error`` is the code of a refusal."""

    category: str | None = None
    decided_by: str | None = None
    route: str | None = None
    candidates: tuple[tuple[str, str | None], ...] = ()
    """Each target's name (with its account) and why it was refused."""
    error: str | None = None

    @property
    def usable(self) -> tuple[str, ...]:
        """The targets that may be asked, in order."""
        return tuple(name for name, refused in self.candidates if refused is None)


class Repeated(Record):
    """A logged request, decided again.  ``selected`` is the event that tells of the decision, with
    which a live replay asks a provider."""

    decided: Decided
    flags: tuple[Flag, ...] = ()
    request: ChatRequest | None = None
    decision: Decision | None = None
    classification: Classification | None = None
    route: str | None = None
    selected: EventData | None = None


class Decider:
    """The deciding stages over the past."""

    def __init__(
        self,
        world: World,
        states: ResponseStates,
        classifier: LocalClassifier | None = None,
        *,
        explains: bool = False,
    ) -> None:
        """``explains``: whether what the local classifier's opinions rest on is of interest."""
        self._world = world
        self._clock = FakeClock()
        self._recorded = (_Recorded("ollama"), _Recorded("api"))
        local = Local(classifier or LocalClassifier.load(), explains=explains)
        classifiers = (local, *self._recorded, Keywords())
        classify = Classify(classifiers, world.conversations)
        select = Select(world.availability, world.known, world.conversations, world.known)
        validate = Validate(states)
        self._whole = Pipeline((validate, classify, select), ())
        self._as_classified = Pipeline((validate, _AsClassified(classify), select), ())

    async def repeat(
        self, due: Due, body: bytes, table: RoutingTable, *, as_classified: bool = False
    ) -> Repeated:
        """Decides again, under this configuration.  ``as_classified``: the configuration reads
        texts as the one that ran did, so that the recorded category may stand."""
        logged = due.logged
        # Prices are those of its arrival; what stood in its way is looked up at its decision.
        self._clock.set_wall(logged.row.started_us)
        exchange = _Repetition(logged.row.id, table, _dialect(logged), self._clock, dry=True)
        exchange.caller = _caller(logged)
        exchange.body = body
        told = logged.told.get(RequestClassified.kind)
        for classifier in self._recorded:
            classifier.begin(told)
        pipeline = self._whole
        if as_classified and told is not None and told["decided_by"] not in _BY_REQUEST:
            exchange.recorded = told
            pipeline = self._as_classified
        await pipeline.advance(exchange)
        return self._repeated(exchange)

    def _repeated(self, exchange: Exchange) -> Repeated:
        if exchange.error is not None:
            return Repeated(Decided(error=exchange.error.code), self._flags(exchange))
        found, decision = exchange.classification, exchange.decision
        decided = Decided(
            category=found.category,
            decided_by=found.decided_by,
            route=decision.route,
            candidates=tuple((str(c.target), c.refused) for c in decision.candidates),
        )
        return Repeated(
            decided,
            self._flags(exchange),
            exchange.request,
            decision,
            found,
            exchange.route,
            exchange.events[-1].data,
        )

    def _flags(self, exchange: Exchange) -> tuple[Flag, ...]:
        flags: list[Flag] = []
        if any(classifier.was_missing for classifier in self._recorded):
            flags.append("not_asked")
        if any(classifier.answered for classifier in self._recorded):
            flags.append("recorded_classification")
        if exchange.error is not None and exchange.error.code == "previous_response_not_found":
            flags.append("no_state")
        if hasattr(exchange, "decision") and self._key_assumed(exchange):
            flags.append("key_assumed")
        return tuple(flags)

    def _key_assumed(self, exchange: Exchange) -> bool:
        first = next(iter(exchange.decision.usable), None)
        provider = exchange.table.provider(first.provider) if first is not None else None
        if first is None or provider is None or provider.key_optional:
            return False
        return not self._world.known.is_told(key_variable(provider, first.account))


def recorded_decision(logged: LoggedRequest) -> Decided | None:
    """What was decided then; None when nothing was."""
    selected = logged.told.get(RouteSelected.kind)
    if selected is None:
        return Decided(error=logged.row.error_class) if logged.row.ending == "rejected" else None
    found = logged.told.get(RequestClassified.kind, {})
    return Decided(
        category=found.get("category"),
        decided_by=found.get("decided_by"),
        route=selected["route"],
        candidates=tuple((_name(c), c["refused"]) for c in selected["candidates"]),
    )


def needs_of(logged: LoggedRequest) -> frozenset[Any]:
    """What the request called for."""
    return frozenset(logged.told.get(RequestValidated.kind, {}).get("needs", ()))


def _name(candidate: Mapping[str, Any]) -> str:
    account = candidate.get("account")
    return (
        candidate["target"] if account in (None, "default") else f"{candidate['target']}#{account}"
    )


def _dialect(logged: LoggedRequest) -> Dialect:
    """The dialect as it was spoken at the address that was called."""
    row = logged.row
    dialect = _DIALECTS[row.dialect]
    addressed = _ADDRESSED.get(row.dialect)
    if addressed is None:
        return dialect
    path = row.endpoint
    if row.dialect == "gemini":
        model = row.requested_model or ""
        collection, _, operation = path.partition(":")
        within = f"/{model}" if model.startswith("tunedModels/") else f"{collection}/{model}"
        path = f"{within}:{operation}"
    return addressed.at(RequestAddress(path))


def _caller(logged: LoggedRequest) -> Caller:
    """Who asked, as far as the ledger tells: of the headers only the session's name is kept."""
    row, received = logged.row, logged.told.get(RequestReceived.kind, {})
    name = row.conversation_id or ""
    headers = {_SESSION_HEADER: name.removeprefix("header:")} if name.startswith("header:") else {}
    return Caller(
        endpoint=row.endpoint,
        headers=headers,
        key_id=row.key_id,
        purpose="replay",
        provider=received.get("provider"),
    )


_BY_REQUEST: Final = frozenset({"requested", "tool_loop"})
"""What does not follow from the text: it is always settled again."""


class _Recorded:
    """A classifier behind a network: says what it said then."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self._told: Mapping[str, Any] | None = None
        self.answered = False
        self.was_missing = False

    def begin(self, told: Mapping[str, Any] | None) -> None:
        """Turns to a request, by its record."""
        self._told, self.answered, self.was_missing = told, False, False

    async def classify(self, exchange: Exchange) -> Opinion | None:
        told = self._told
        if told is None or not exchange.authored.text.strip():
            return None
        if told["mode"] == self.mode and told["category"] in exchange.table.config.categories:
            self.answered = True
            return Opinion(
                told["category"],
                told["confidence"] or 0.0,
                told["scores"],
                tuple(told["evidence"]),
            )
        # In the mode `hybrid` its doubtful word may have been outweighed without a trace.
        self.was_missing = self.mode not in told.get("fell_back_from", ())
        return None


class _Repetition(Exchange):
    """A trip that was made before; ``recorded`` is what its classification was said to be."""

    recorded: Mapping[str, Any]


class _AsClassified:
    """`classify`, but for texts, whose recorded category stands."""

    name = "classify"

    def __init__(self, classify: Classify) -> None:
        self._classify = classify

    async def __call__(self, exchange: Exchange) -> None:
        if not isinstance(exchange, _Repetition):
            raise TypeError("only what was classified before has a recorded category")
        told = exchange.recorded
        resolution = exchange.resolution
        if resolution.route is not None or resolution.pinned:
            await self._classify(exchange)
            return
        exchange.classification = Classification(
            told["category"],
            told["decided_by"],
            told["mode_asked"],
            told["mode"],
            told["confidence"],
            told["scores"],
            tuple(told["evidence"]),
        )
