"""Joins everything: the only module that knows every room."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from llmrouter import __version__
from llmrouter.core.clock import Clock, SystemClock
from llmrouter.core.errors import Overloaded
from llmrouter.core.events import Event, ServerStarted, ServerStopped
from llmrouter.core.routing import Target
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.documents import read_configuration
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.pipeline.assigning import Assigner
from llmrouter.pipeline.availability import Availability
from llmrouter.pipeline.capacity import Capacity
from llmrouter.pipeline.classifiers import Keywords, Local, TextClassifier
from llmrouter.pipeline.clock_watch import ClockWatch
from llmrouter.pipeline.config_file import CONFIG_FILE, import_at_start, watch
from llmrouter.pipeline.conversations import Conversations, ConversationState, Turns
from llmrouter.pipeline.estimator import Estimator
from llmrouter.pipeline.following import Following
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.means import Means
from llmrouter.pipeline.model_classifier import API_S, OLLAMA_S, Asked, ModelClassifier
from llmrouter.pipeline.ports import ResponseStates
from llmrouter.pipeline.repeats import Repeats
from llmrouter.pipeline.runner import Pipeline
from llmrouter.pipeline.stages.account import Account
from llmrouter.pipeline.stages.acknowledge import Acknowledge
from llmrouter.pipeline.stages.call import Call
from llmrouter.pipeline.stages.classify import Classify
from llmrouter.pipeline.stages.count import Count
from llmrouter.pipeline.stages.keep import Keep
from llmrouter.pipeline.stages.receive import Receive
from llmrouter.pipeline.stages.remember import Remember
from llmrouter.pipeline.stages.select import Select
from llmrouter.pipeline.stages.tell import Tell
from llmrouter.pipeline.stages.trace import Trace
from llmrouter.pipeline.stages.validate import Validate
from llmrouter.pipeline.survey import Survey
from llmrouter.pipeline.tails import Tails
from llmrouter.pipeline.tasks import Tasks
from llmrouter.pipeline.traffic import Drained, Traffic
from llmrouter.policy.classifier import LocalClassifier
from llmrouter.replay.asking import Replays
from llmrouter.replay.desk import ReplayDesk
from llmrouter.replay.live_asking import LiveReplays
from llmrouter.settings import Bodies, Keyring, Settings
from llmrouter.store.changes import AVAILABILITY, CONFIGURATION, PRICES
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.store.expiry import RowLimits
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.packing import BodyPolicy
from llmrouter.store.prices import Prices
from llmrouter.store.retention import BodyLimits
from llmrouter.store.writer import LedgerSettings
from llmrouter.telemetry.opening import OpenTelemetry, open_telemetry
from llmrouter.upstream.client import HttpUpstream
from llmrouter.web.app import build_app
from llmrouter.web.endpoints import Operation
from llmrouter.web.front import Front
from llmrouter.web.guard import Guard
from llmrouter.web.services import Services

RECALL_LIMIT_S = 1.0
"""What a request waits for the ledger's memory of its conversation, at most."""

PURGE_EVERY_S = 3600.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Router:
    """A running router.  ``front`` is its ASGI application."""

    front: Front
    services: Services
    store: Store
    traffic: Traffic
    tasks: Tasks
    drained: Drained = field(default_factory=lambda: Drained(0, 0))


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    keyring: Keyring,
    *,
    config_file: Path | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Router]:
    """A router on its database, for as long as the block lasts.

    Raises `StoreError` and `ConfigurationInvalid`, both with what to do.
    """
    clock = clock or SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(store_settings(settings), clock))
        upstream = HttpUpstream(client=settings.http_client, clock=clock)
        stack.push_async_callback(upstream.aclose)
        read = partial(read_configuration, settings=settings, keyring=keyring)
        configuration = ActiveConfiguration(store.versions, store.prices, store.ledger, read)
        await configuration.start()
        await import_at_start(configuration, config_file)
        estimator = Estimator(await store.token_ratios.load())
        telemetry = open_telemetry(keyring.beginning_with("OTEL_"), node=store.node)
        if telemetry is not None:
            stack.push_async_callback(telemetry.aclose)
        router = await _join(
            settings, keyring, store, upstream, configuration, estimator, telemetry, clock
        )
        stack.push_async_callback(router.tasks.cancel)
        watching = watch(configuration, config_file or Path(CONFIG_FILE))
        router.tasks.start(watching, name="watch configuration file")
        router.tasks.start(_purge(store), name="purge bodies")
        router.tasks.start(estimator.run(store.token_ratios), name="keep what was learnt")
        router.tasks.start(_leave_when_lost(store, router.traffic), name="watch node")
        if store.shared:
            following = _following(store, configuration, router.services.availability, clock)
            router.tasks.start(following.run(), name="follow other nodes")
        survey = Survey(configuration, router.services.knowledge, upstream, keyring, DIALECTS)
        router.tasks.start(survey.run(), name="survey models")
        clock_watch = ClockWatch(clock, store.ledger.note)
        router.tasks.start(clock_watch.run(), name="watch clock")
        started = ServerStarted(__version__, store.node, store.recovered)
        store.ledger.note([Event(0, started)])
        try:
            yield router
        finally:
            await router.tasks.settle(timeout_s=0)
            await estimator.keep_in(store.token_ratios)
            stopped = ServerStopped(store.node, router.drained.drained, router.drained.cut)
            store.ledger.note([Event(0, stopped)])


@contextlib.asynccontextmanager
async def changing_configuration(
    settings: Settings, keyring: Keyring
) -> AsyncIterator[ActiveConfiguration]:
    """The configuration of a ledger that no server holds, to be changed.

    Raises `StoreError`; `DatabaseInUse` when a server holds it.
    """
    async with changing_prices(settings, keyring) as (configuration, _):
        yield configuration


@contextlib.asynccontextmanager
async def changing_prices(
    settings: Settings, keyring: Keyring
) -> AsyncIterator[tuple[ActiveConfiguration, Prices]]:
    """The configuration and the prices of a ledger that no server holds, to be changed.

    Raises `StoreError`; `DatabaseInUse` when a server holds it.
    """
    async with open_store(store_settings(settings), SystemClock()) as store:
        read = partial(read_configuration, settings=settings, keyring=keyring)
        configuration = ActiveConfiguration(store.versions, store.prices, store.ledger, read)
        await configuration.start()
        yield configuration, store.prices


async def _join(
    settings: Settings,
    keyring: Keyring,
    store: Store,
    upstream: HttpUpstream,
    configuration: ActiveConfiguration,
    estimator: Estimator,
    telemetry: OpenTelemetry | None,
    clock: Clock,
) -> Router:
    availability = Availability(clock, await store.reader.availability(clock.now_us()))
    tasks = Tasks()
    conversations = Conversations(_turns(store, tasks))
    knowledge = Knowledge(clock)
    traffic = Traffic(settings.max_requests)
    assigner = Assigner(keyring, DIALECTS, codec, estimator)
    model_classifier = partial(
        ModelClassifier,
        upstream=upstream,
        ledger=store.ledger,
        assigner=assigner,
        availability=availability,
        dialects=DIALECTS,
    )
    deciding = deciding_stages(
        availability,
        keyring,
        conversations,
        knowledge,
        model_classifier(Asked("ollama", f"ollama/{settings.ollama_router_model}", OLLAMA_S)),
        model_classifier(Asked("api", settings.router_api_model, API_S)),
        states=store.reader,
    )
    tails = Tails(store.reader.tails, lambda: configuration.table.hedges_by_p95, clock)
    await tails.renew()
    tasks.start(tails.run(), name="renew models' slowness")
    capacity = Capacity()
    call = Call(
        Means(
            upstream=upstream,
            availability=availability,
            ledger=store.ledger,
            assigner=assigner,
            knowledge=knowledge,
            repeats=Repeats(clock),
            tails=tails,
            chance=random.random,
            capacity=capacity,
        )
    )
    receive = Receive(traffic, store.ledger, keyring, store.node)
    account = Account(store.ledger, keyring)
    traced = () if telemetry is None else (Trace(telemetry),)
    told = () if telemetry is None else (Tell(telemetry),)
    pipelines: Mapping[Operation, Pipeline] = {
        "chat": Pipeline(
            forward=(*traced, receive, Acknowledge(), *deciding, call),
            closing=(Keep(), account, Remember(conversations), *told),
            tasks=tasks,
        ),
        "count": Pipeline(
            forward=(*traced, receive, *deciding, Count(upstream, keyring, DIALECTS, estimator)),
            closing=(account, *told),
            tasks=tasks,
        ),
    }
    read = partial(read_configuration, settings=settings, keyring=keyring)
    made_with = Replays(
        store.reader.replays, store.reader.versions, store.reader.prices, read, keyring
    )
    live = LiveReplays(made_with, store, upstream, estimator, clock)
    services = Services(
        configuration=configuration,
        availability=availability,
        capacity=capacity,
        knowledge=knowledge,
        classify=deciding.classify,
        explainer=Pipeline(deciding, (), tasks),
        ledger=store.ledger,
        versions=store.versions,
        prices=store.prices,
        reader=store.reader,
        replays=ReplayDesk(made_with, live, tasks, _same_ledger(settings)),
        keyring=keyring,
        traffic=traffic,
        dialects=DIALECTS,
        ids=store.ids,
        clock=clock,
        ollama_base_url=settings.ollama_base_url,
        ollama_router_model=settings.ollama_router_model,
    )
    front = Front(
        guard=_guard(settings),
        inner=build_app(services),
        pipelines=pipelines,
        configuration=configuration,
        dialects=DIALECTS,
        traffic=traffic,
        tasks=tasks,
        ids=store.ids,
        clock=clock,
    )
    return Router(front, services, store, traffic, tasks)


class Deciding(NamedTuple):
    """The stages that decide what to call.  They call nothing and account for nothing."""

    validate: Validate
    classify: Classify
    select: Select


def deciding_stages(
    availability: Availability,
    keyring: Keyring,
    conversations: Conversations,
    knowledge: Knowledge,
    *networked: TextClassifier,
    states: ResponseStates | None = None,
) -> Deciding:
    """The deciding stages, in order; the command line explains with them, without a network."""
    classifiers = (Local(LocalClassifier.load()), *networked, Keywords())
    return Deciding(
        Validate(states),
        Classify(classifiers, conversations),
        Select(availability, keyring, conversations, knowledge),
    )


def _turns(store: Store, tasks: Tasks) -> Turns:
    """The ledger's memory of conversations, as long as it answers soon."""

    async def last_turn(conversation_id: str) -> ConversationState | None:
        if not store.ledger.healthy:
            raise Overloaded("the ledger is away", code="ledger_unavailable")
        asking = tasks.spawn(store.reader.last_turn(conversation_id), name="last turn")
        # Not cancelled and awaited: a database that hangs takes its time over that, too.
        done, _ = await asyncio.wait([asking], timeout=RECALL_LIMIT_S)
        if not done:
            asking.cancel()
            raise Overloaded("the ledger does not answer", code="ledger_unavailable")
        turn = asking.result()
        if turn is None or turn.request.provider is None or turn.request.model is None:
            return None
        request = turn.request
        target = Target(turn.request.provider, turn.request.model)
        return ConversationState(request.category, target, request.cache_read_tokens)

    return last_turn


def database_address(settings: Settings) -> DatabaseAddress:
    """Where the ledger is.  Raises `StoreError`."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return read_address(url, settings.data_dir)


def store_settings(settings: Settings) -> StoreSettings:
    """What the store is told of the process's settings."""
    address = database_address(settings)
    return StoreSettings(
        address=address,
        data_dir=settings.data_dir,
        durability=settings.durability,
        ledger=LedgerSettings(mode=settings.ledger_mode),
        bodies=_body_policy(settings.bodies),
        body_limits=BodyLimits(
            days=min(settings.bodies_days, settings.requests_days or settings.bodies_days),
            megabytes=settings.bodies_mb,
        ),
        row_limits=RowLimits(settings.requests_days or None, settings.events_days or None),
        node=settings.node if "node" in settings.model_fields_set else None,
    )


def _same_ledger(settings: Settings) -> dict[str, str]:
    """The variables by which another process of ours finds the same ledger."""
    found = {"LLMROUTER_DATA_DIR": str(settings.data_dir)}
    if settings.database_url is not None:
        found["LLMROUTER_DATABASE_URL"] = settings.database_url.get_secret_value()
    if settings.routing_mode is not None:
        found["ROUTING_MODE"] = settings.routing_mode
    return found


def _body_policy(bodies: Bodies) -> BodyPolicy:
    match bodies.keep:
        case "all" | "sample":
            return BodyPolicy(bodies.share)
        case "errors":
            return BodyPolicy(1.0, errors_only=True)
        case "off":
            return BodyPolicy(0.0)


def _guard(settings: Settings) -> Guard:
    return Guard.build(
        loopback_only=settings.is_loopback,
        hosts=settings.allowed_hosts,
        origins=settings.allowed_origins,
        client_key=settings.api_key.get_secret_value() if settings.api_key else None,
        admin_token=settings.admin_token.get_secret_value() if settings.admin_token else None,
    )


async def _leave_when_lost(store: Store, traffic: Traffic) -> None:
    """Takes on nothing new once another process has our node: its ids would be ours, too."""
    await store.lost.wait()
    _log.error("node %d is another process's now: no request is taken any more", store.node)
    traffic.draining = True


def _following(
    store: Store, configuration: ActiveConfiguration, availability: Availability, clock: Clock
) -> Following:
    """What this node takes up of the others' changes; a further topic is a further line."""

    async def take_over_availability() -> None:
        availability.take_over(await store.reader.availability(clock.now_us()))

    return Following(
        store.reader,
        {
            CONFIGURATION: configuration.catch_up,
            PRICES: configuration.take_up_prices,
            AVAILABILITY: take_over_availability,
        },
    )


async def _purge(store: Store) -> None:
    while True:
        try:
            purged = await store.purge_bodies()
            expired = await store.expire_rows()
        except Exception:
            # A task's edge: a database that is away now will be purged an hour later.
            _log.exception("what is past its time could not be removed")
        else:
            if purged.bodies:
                _log.info("%d bodies purged, %d bytes", purged.bodies, purged.freed_bytes)
            if expired.requests or expired.events:
                _log.info(
                    "%d requests removed, and the events of %d", expired.requests, expired.events
                )
        await asyncio.sleep(PURGE_EVERY_S)
