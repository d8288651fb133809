"""The stages that decide what to call, in their order."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from llmrouter.core.errors import Overloaded
from llmrouter.core.routing import Target
from llmrouter.pipeline.availability import Availability
from llmrouter.pipeline.classifiers import Keywords, Local, TextClassifier
from llmrouter.pipeline.conversations import Conversations, ConversationState, Turns
from llmrouter.pipeline.heavy import Heavy
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.ports import ResponseStates
from llmrouter.pipeline.stages.classify import Classify
from llmrouter.pipeline.stages.select import Select
from llmrouter.pipeline.stages.validate import Validate
from llmrouter.pipeline.tasks import Tasks
from llmrouter.policy.classifier import LocalClassifier
from llmrouter.settings import Keyring
from llmrouter.store.opening import Store

RECALL_LIMIT_S = 1.0
"""What a request waits for the ledger's memory of its conversation, at most."""


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
    heavy: Heavy | None = None,
) -> Deciding:
    """The deciding stages, in order; the command line explains with them, without a network."""
    classifiers = (Local(LocalClassifier.load()), *networked, Keywords())
    return Deciding(
        Validate(states, heavy),
        Classify(classifiers, conversations),
        Select(availability, keyring, conversations, knowledge),
    )


def last_turns(store: Store, tasks: Tasks) -> Turns:
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
