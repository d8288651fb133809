"""Makes a router of its parts; the order of the stages stands here alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from llmrouter.bootstrap.deciding import Deciding, deciding_stages, last_turns
from llmrouter.bootstrap.opened import Opened
from llmrouter.bootstrap.replays import LateReplayDesk
from llmrouter.core.routing import DialectName
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.dialects.wire import is_acknowledging, is_continuing
from llmrouter.pipeline.assigning import Assigner
from llmrouter.pipeline.availability import Availability
from llmrouter.pipeline.capacity import Capacity
from llmrouter.pipeline.conversations import Conversations
from llmrouter.pipeline.heavy import Heavy
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.means import Means
from llmrouter.pipeline.model_classifier import API_S, OLLAMA_S, Asked, ModelClassifier
from llmrouter.pipeline.repeats import Repeats
from llmrouter.pipeline.runner import Pipeline
from llmrouter.pipeline.stages.account import Account
from llmrouter.pipeline.stages.acknowledge import Acknowledge
from llmrouter.pipeline.stages.call import Call
from llmrouter.pipeline.stages.count import Count
from llmrouter.pipeline.stages.keep import Keep
from llmrouter.pipeline.stages.receive import Receive
from llmrouter.pipeline.stages.remember import Remember
from llmrouter.pipeline.stages.tell import Tell
from llmrouter.pipeline.stages.trace import Trace
from llmrouter.pipeline.tails import Tails
from llmrouter.pipeline.tasks import Tasks
from llmrouter.pipeline.traffic import Drained, Traffic
from llmrouter.pipeline.turnstile import Turnstile
from llmrouter.settings import Settings
from llmrouter.store.opening import Store
from llmrouter.web.app import build_app
from llmrouter.web.endpoints import Operation
from llmrouter.web.front import Front
from llmrouter.web.guard import Guard
from llmrouter.web.services import Services


@dataclass(slots=True)
class Router:
    """A running router.  ``front`` is its ASGI application."""

    front: Front
    services: Services
    store: Store
    traffic: Traffic
    tasks: Tasks
    drained: Drained = field(default_factory=lambda: Drained(0, 0))


async def join(opened: Opened) -> Router:
    """A router whose own background tasks run; nothing reaches it yet."""
    settings, keyring, store = opened.settings, opened.keyring, opened.store
    clock, configuration, upstream = opened.clock, opened.configuration, opened.upstream
    availability = Availability(clock, await store.reader.availability(clock.now_us()))
    tasks = Tasks()
    conversations = Conversations(last_turns(store, tasks))
    knowledge = Knowledge(clock)
    traffic = Traffic(settings.max_requests)
    assigner = Assigner(keyring, DIALECTS, codec, opened.estimator)
    capacity = Capacity()
    heavy = Heavy()
    tails = Tails(store.reader.tails, lambda: configuration.table.hedges_by_p95, clock)
    await tails.renew()
    tasks.start(tails.run(), name="renew models' slowness")
    deciding = deciding_stages(
        availability,
        keyring,
        conversations,
        knowledge,
        *_model_classifiers(opened, assigner, availability),
        states=store.reader,
        heavy=heavy,
    )
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
    services = Services(
        configuration=configuration,
        availability=availability,
        capacity=capacity,
        knowledge=knowledge,
        classify=deciding.classify,
        explainer=Pipeline(deciding, ()),
        ledger=store.ledger,
        versions=store.versions,
        prices=store.prices,
        reader=store.reader,
        replay_desk=LateReplayDesk(opened, tasks),
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
        pipelines=_pipelines(opened, deciding, call, conversations, traffic, heavy),
        configuration=configuration,
        dialects=DIALECTS,
        traffic=traffic,
        tasks=tasks,
        ids=store.ids,
        clock=clock,
    )
    return Router(front, services, store, traffic, tasks)


def _pipelines(
    opened: Opened,
    deciding: Deciding,
    call: Call,
    conversations: Conversations,
    traffic: Traffic,
    heavy: Heavy,
) -> Mapping[tuple[Operation, DialectName], Pipeline]:
    """The stages of each operation in each dialect, in their order."""
    keyring, ledger, telemetry = opened.keyring, opened.store.ledger, opened.telemetry
    turnstile = Turnstile()
    receive = Receive(traffic, ledger, keyring, opened.store.node, turnstile)
    count = Count(opened.upstream, keyring, DIALECTS, opened.estimator)
    account = Account(ledger, keyring, heavy)
    traced = () if telemetry is None else (Trace(telemetry),)
    told = () if telemetry is None else (Tell(telemetry),)
    pipelines: dict[tuple[Operation, DialectName], Pipeline] = {}
    for name, dialect in DIALECTS.items():
        acknowledge = (Acknowledge(),) if is_acknowledging(dialect) else ()
        keep = (Keep(),) if is_continuing(dialect) else ()
        pipelines["chat", name] = Pipeline(
            forward=(*traced, receive, *acknowledge, *deciding, call),
            closing=(*keep, account, Remember(conversations), *told),
            turnstile=turnstile,
        )
        pipelines["count", name] = Pipeline(
            forward=(*traced, receive, *deciding, count),
            closing=(account, *told),
            turnstile=turnstile,
        )
    return pipelines


def _model_classifiers(
    opened: Opened, assigner: Assigner, availability: Availability
) -> tuple[ModelClassifier, ModelClassifier]:
    made = partial(
        ModelClassifier,
        upstream=opened.upstream,
        ledger=opened.store.ledger,
        assigner=assigner,
        availability=availability,
        dialects=DIALECTS,
    )
    ollama_model = f"ollama/{opened.settings.ollama_router_model}"
    return (
        made(Asked("ollama", ollama_model, OLLAMA_S)),
        made(Asked("api", opened.settings.router_api_model, API_S)),
    )


def _guard(settings: Settings) -> Guard:
    return Guard.build(
        loopback_only=settings.is_loopback,
        hosts=settings.allowed_hosts,
        origins=settings.allowed_origins,
        client_key=settings.api_key.get_secret_value() if settings.api_key else None,
        admin_token=settings.admin_token.get_secret_value() if settings.admin_token else None,
    )
