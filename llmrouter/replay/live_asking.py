"""From an order for a live replay to one that runs: the same for the command line and a server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from llmrouter.core.clock import Clock
from llmrouter.core.errors import NotFound
from llmrouter.core.ids import RequestIds
from llmrouter.core.latency import Tail
from llmrouter.core.ledger import AvailabilityRows, RequestRow
from llmrouter.core.records import Record
from llmrouter.core.replay import ReplayAsked, ReplayRow
from llmrouter.core.routing import AttemptKind, Target
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.pipeline.assigning import Assigner
from llmrouter.pipeline.classifiers import Keywords, Local
from llmrouter.pipeline.conversations import Conversations
from llmrouter.pipeline.estimator import Estimator
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.means import Means
from llmrouter.pipeline.ports import Ledger, ResponseStates, Upstream
from llmrouter.pipeline.repeats import Repeats
from llmrouter.pipeline.stages.account import Account
from llmrouter.pipeline.stages.call import Call
from llmrouter.pipeline.stages.classify import Classify
from llmrouter.pipeline.stages.receive import Receive
from llmrouter.pipeline.stages.select import Select
from llmrouter.pipeline.stages.validate import Validate
from llmrouter.pipeline.tails import Tails
from llmrouter.pipeline.traffic import Traffic
from llmrouter.policy.classifier import LocalClassifier
from llmrouter.policy.needs import key_variable
from llmrouter.policy.table import RoutingTable, compile_table
from llmrouter.replay.again import DecidesAgain
from llmrouter.replay.asking import Replays
from llmrouter.replay.live import LiveMeans, LiveReplay, Progress
from llmrouter.replay.live_options import LiveOptions, LiveOrder
from llmrouter.replay.live_report import live_report
from llmrouter.replay.ports import Keeper
from llmrouter.replay.sending import Onlooker, Sender
from llmrouter.replay.trying import Stages, Tables
from llmrouter.replay.versions import RanWith
from llmrouter.replay.world import World


class Story(Protocol):
    """What is known of one request."""

    @property
    def request(self) -> RequestRow | None:
        """Its row; None while it goes on."""


class LiveReader(ResponseStates, Protocol):
    """What is read of the ledger beside its log."""

    async def availability(self, now_us: int) -> AvailabilityRows:
        """Every breaker, account lock and cooldown as it was left."""

    async def request_story(self, request_id: int) -> Story | None:
        """Everything that is known of a request."""

    async def tails(self, since_us: int) -> tuple[Tail, ...]:
        """How slow models are when they are slow."""


class LiveStore(Protocol):
    """An open ledger."""

    @property
    def replays(self) -> Keeper:
        """Keeps replays."""

    @property
    def reader(self) -> LiveReader:
        """Reads."""

    @property
    def ledger(self) -> Ledger:
        """Writes."""

    @property
    def ids(self) -> RequestIds:
        """Numbers requests."""

    @property
    def node(self) -> int:
        """Which process of the ledger's we are."""


class LiveReplays(Record):
    """What live replays are made with."""

    replays: Replays
    store: LiveStore
    upstream: Upstream
    estimator: Estimator
    clock: Clock

    @property
    def keeper(self) -> Keeper:
        """Where replays are kept."""
        return self.store.replays

    async def begin(self, asked: ReplayAsked, options: LiveOptions) -> ReplayRow:
        """Keeps a new live replay, which is still to be run.

        Raises `ConfigurationInvalid`; `NotFound` for a window without requests, and for a judge
        that nobody knows.
        """
        candidate = await self.replays.candidate(asked)
        self._check_judge(await self._running(), options)
        await self.replays.require_requests(asked.window)
        return await self.keeper.begin(
            "live",
            label=candidate.label,
            candidate=candidate.document,
            base_version=candidate.base_version,
            options=LiveOrder(asked.window, options).document,
        )

    async def run(
        self,
        row: ReplayRow,
        order: LiveOrder,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Mapping[str, Any]:
        """Runs a live replay, a new one or one that was broken off, and gives its report."""
        means = await self._means(row)
        live = LiveReplay(row.id, means, window=order.window, options=order.options)
        await live.run(on_progress)
        report = await live_report(self.replays.log, row.id, live.progress)
        await self.keeper.end(row.id, "finished", report)
        return report

    async def _means(self, row: ReplayRow) -> LiveMeans:
        replays = self.replays
        candidate = (await replays.kept_candidate(row)).table
        classifier = await asyncio.to_thread(LocalClassifier.load)
        onlooker = Onlooker(self.clock, await self.store.reader.availability(self.clock.now_us()))
        world = World(replays.log, replays.today)
        ran_with = RanWith(replays.versions, replays.read, await replays.prices.book())
        return LiveMeans(
            log=replays.log,
            keeper=self.keeper,
            sender=self._sender(classifier, onlooker),
            stages=Stages(self._call(onlooker, "chat"), self._call(onlooker, "judge")),
            tables=Tables(candidate, await self._running()),
            world=world,
            again=DecidesAgain(world, replays.log, ran_with, candidate, classifier, explains=True),
            rests=partial(self._rests, candidate, onlooker),
            row_of=self._row,
        )

    def _sender(self, classifier: LocalClassifier, onlooker: Onlooker) -> Sender:
        """Old targets and the judge are found as of now, and no model is asked to classify."""
        today, conversations = self.replays.today, Conversations()
        return Sender(
            receive=Receive(Traffic(1 << 30), self.store.ledger, today, self.store.node),
            validate=Validate(self.store.reader),
            deciding=(
                Classify((Local(classifier), Keywords()), conversations),
                Select(onlooker, today, conversations, Knowledge(self.clock)),
            ),
            account=Account(self.store.ledger, today),
            dialects=DIALECTS,
            ids=self.store.ids,
            clock=self.clock,
        )

    def _call(self, onlooker: Onlooker, kind: AttemptKind) -> Call:
        return Call(
            Means(
                upstream=self.upstream,
                availability=onlooker,
                ledger=self.store.ledger,
                assigner=Assigner(self.replays.today, DIALECTS, codec, self.estimator),
                knowledge=Knowledge(self.clock),
                repeats=Repeats(self.clock),
                tails=Tails(self.store.reader.tails, lambda: False, self.clock),  # nobody is hedged
                chance=random.random,
                kind=kind,
            )
        )

    def _rests(self, table: RoutingTable, onlooker: Onlooker, target: Target) -> bool:
        provider = table.provider(target.provider)
        if provider is None or onlooker.hindrance(target, table.terms(target).breaker):
            return True
        variable = key_variable(provider, target.account)
        needs_key = variable is not None and not provider.key_optional
        return needs_key and self.replays.today.key(variable or "") is None

    async def _running(self) -> RoutingTable:
        """What runs now, at today's prices."""
        newest = await self.replays.versions.latest()
        document = newest.document if newest else {}
        config = self.replays.read(document, "the configuration")
        table = compile_table(newest.number if newest else 0, document, config)
        book = await self.replays.prices.book()
        return table.with_prices(book.assuming(table.configured_prices))

    def _check_judge(self, running: RoutingTable, options: LiveOptions) -> None:
        """Raises `NotFound` when the judge is no model, or what it costs is not known."""
        if options.judge is None:
            return
        pinned = running.resolve(options.judge).pinned
        if not pinned:
            raise NotFound(f"the judge `{options.judge}` must be a model: provider/model")
        known = running.price(pinned[0], self.clock.now_us()) is not None
        if not known and not options.allows_unknown_prices:
            raise NotFound(
                f"the price of the judge `{options.judge}` is not known; set it in the "
                "configuration"
            )

    async def _row(self, request_id: int) -> RequestRow | None:
        story = await self.store.reader.request_story(request_id)
        return None if story is None else story.request
