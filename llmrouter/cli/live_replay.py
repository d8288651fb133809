"""What a live replay needs besides its options: a ledger to write, providers to ask, two tables."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from llmrouter.bootstrap import deciding_stages, store_settings
from llmrouter.cli.current import known_prices
from llmrouter.core.clock import SystemClock
from llmrouter.core.errors import NotFound
from llmrouter.core.ledger import RequestRow
from llmrouter.core.replay import ReplayWindow
from llmrouter.core.routing import AttemptKind
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.documents import read_configuration
from llmrouter.pipeline.assigning import Assigner
from llmrouter.pipeline.conversations import Conversations
from llmrouter.pipeline.estimator import Estimator
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.means import Means
from llmrouter.pipeline.repeats import Repeats
from llmrouter.pipeline.stages.account import Account
from llmrouter.pipeline.stages.call import Call
from llmrouter.pipeline.stages.receive import Receive
from llmrouter.pipeline.tails import Tails
from llmrouter.pipeline.tasks import Tasks
from llmrouter.pipeline.traffic import Traffic
from llmrouter.policy.table import RoutingTable, compile_table
from llmrouter.replay.candidate import Candidate
from llmrouter.replay.live import LiveOptions, LiveReplay, Progress, Stages
from llmrouter.replay.live_report import live_report
from llmrouter.replay.sending import Onlooker, Sender
from llmrouter.settings import Keyring, Settings
from llmrouter.store.opening import Store, open_store
from llmrouter.upstream.client import HttpUpstream


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """A live replay as it was asked for; it is kept as the replay's options."""

    window: ReplayWindow
    options: LiveOptions

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"window": asdict(self.window), "live": asdict(self.options)}


def read_order(document: Mapping[str, Any]) -> LiveOrder:
    """An order as it was kept."""
    return LiveOrder(ReplayWindow(**document["window"]), LiveOptions(**document["live"]))


@dataclass(frozen=True, slots=True)
class LiveEnd:
    """How a live replay stands: its number, how far it came, and what came out."""

    number: int
    progress: Progress
    report: Mapping[str, Any]


async def replay_live(
    settings: Settings,
    keyring: Keyring,
    candidate: Candidate,
    order: LiveOrder,
    *,
    resumed: int | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> LiveEnd:
    """Runs a live replay, a new one or one that was broken off.

    Raises `StoreError`; `DatabaseInUse` when a server holds the ledger; `NotFound` for a window
    without requests and a judge that nobody knows.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(store_settings(settings), clock))
        upstream = HttpUpstream(client=settings.http_client, clock=clock)
        stack.push_async_callback(upstream.aclose)
        running = await _running(store, settings, keyring)
        _check_judge(running, order.options)
        if not await store.reader.replays.count(order.window):
            raise NotFound("the ledger has no requests in this window")
        number = resumed
        if number is None:
            begun = await store.replays.begin(
                "live",
                label=candidate.label,
                candidate=candidate.document,
                base_version=candidate.base_version,
                options=order.document,
            )
            number = begun.id
        else:
            await store.replays.end(number, "running")
        sender, stages = await _parts(store, upstream, keyring, clock)
        live = LiveReplay(
            number,
            log=store.reader.replays,
            keeper=store.replays,
            sender=sender,
            stages=stages,
            candidate=await _priced(store, candidate.table),
            running=running,
            window=order.window,
            options=order.options,
            row_of=partial(_row, store),
        )
        async with _ending(store, number, live):
            await live.run(on_progress)
            report = await live_report(store.reader.replays, number, live.progress)
            await store.replays.end(number, "finished", report)
        return LiveEnd(number, live.progress, report)


@asynccontextmanager
async def _ending(store: Store, number: int, live: LiveReplay) -> AsyncIterator[None]:
    """Notes that a replay that does not come to its end can be taken up again."""
    try:
        yield
    except BaseException:
        # Ctrl-C is among them; it goes on once this is written.
        await store.replays.end(number, "interrupted")
        raise


async def _running(store: Store, settings: Settings, keyring: Keyring) -> RoutingTable:
    """What runs now: the old targets and the judge are asked under it."""
    newest = await store.versions.latest()
    document = newest.document if newest else {}
    config = read_configuration(document, "the configuration", settings=settings, keyring=keyring)
    return await _priced(store, compile_table(newest.number if newest else 0, document, config))


async def _priced(store: Store, table: RoutingTable) -> RoutingTable:
    """The table with today's prices; where the configuration says another, that."""
    return table.with_prices((await known_prices(store.reader)).assuming(table.configured_prices))


def _check_judge(running: RoutingTable, options: LiveOptions) -> None:
    """Raises `NotFound` when the judge is no model, or what it costs is not known."""
    if options.judge is None:
        return
    pinned = running.resolve(options.judge).pinned
    if not pinned:
        raise NotFound(f"the judge `{options.judge}` must be a model: provider/model")
    now_us = SystemClock().now_us()
    if running.price(pinned[0], now_us) is None and not options.allows_unknown_prices:
        raise NotFound(
            f"the price of the judge `{options.judge}` is not known; set it in the configuration"
        )


async def _row(store: Store, request_id: int) -> RequestRow | None:
    story = await store.reader.request_story(request_id)
    return None if story is None else story.request


async def _parts(
    store: Store, upstream: HttpUpstream, keyring: Keyring, clock: SystemClock
) -> tuple[Sender, Stages]:
    availability = Onlooker(clock, await store.reader.availability(clock.now_us()))
    knowledge = Knowledge(clock)
    estimator = Estimator(await store.token_ratios.load())

    def call(kind: AttemptKind) -> Call:
        return Call(
            Means(
                upstream=upstream,
                availability=availability,
                ledger=store.ledger,
                assigner=Assigner(keyring, DIALECTS, codec, estimator),
                knowledge=knowledge,
                repeats=Repeats(clock),
                tails=Tails(store.reader.tails, lambda: False, clock),  # nobody is hedged
                chance=random.random,
                kind=kind,
            )
        )

    sender = Sender(
        deciding=deciding_stages(
            availability, keyring, Conversations(), knowledge, states=store.reader
        ),
        receive=Receive(Traffic(1 << 30), store.ledger, keyring, store.node),
        account=Account(store.ledger, keyring),
        tasks=Tasks(),
        dialects=DIALECTS,
        ids=store.ids,
        clock=clock,
    )
    return sender, Stages(call("chat"), call("judge"))
