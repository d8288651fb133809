"""select: the candidates in order, each chosen or refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final, Protocol

from llmrouter.core.capabilities import Learned
from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.events import RouteSelected
from llmrouter.core.routing import Candidate, Decision, Target
from llmrouter.pipeline.availability import Hindrance
from llmrouter.pipeline.conversations import ConversationState, Recalling
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.ports import Keyring
from llmrouter.policy.needs import consider, estimate_input_tokens
from llmrouter.policy.pricing import cost_of_switch

_role: Final = attrgetter("role")

PINNED = "pinned"
"""The strategy of a request that names its model itself."""


class Hindering(Protocol):
    """Knows what stands against a target: `llmrouter.pipeline.availability`, or the past."""

    def hindrance(self, target: Target, config: BreakerConfig) -> Hindrance | None:
        """Why this target is passed over; None when it may be asked."""


class Knowing(Protocol):
    """Knows what was learned of models: `llmrouter.pipeline.knowledge`, or the past."""

    def of(self, target: Target) -> Learned:
        """Everything that was learned of the target's model."""


class Select:
    """Fills ``route`` and ``decision``; that no candidate is left is for `call` to say."""

    name = "select"

    def __init__(
        self,
        availability: Hindering,
        keyring: Keyring,
        conversations: Recalling,
        knowledge: Knowing,
    ) -> None:
        self._knowledge = knowledge
        self._availability = availability
        self._keyring = keyring
        self._conversations = conversations

    async def __call__(self, exchange: Exchange) -> None:
        resolution, table = exchange.resolution, exchange.table
        state: ConversationState | None = None
        # A conversation that begins has no earlier turn to recall.
        if "assistant" in map(_role, exchange.request.turns):
            state = await self._conversations.recall(exchange.conversation_id)
        kept: Target | None = None
        if resolution.pinned:
            exchange.route = None
            label, strategy = exchange.request.model or PINNED, PINNED
            targets = resolution.pinned
        else:
            category = exchange.classification.category
            label = resolution.route or category or table.config.routing.default_category
            exchange.route = label
            route = table.route(label)
            strategy = route.strategy if route is not None else PINNED
            targets = table.ordered(label, exchange.id, exchange.started_us)
            kept = _kept_by_loop(exchange, state, targets)
            if kept is not None:
                targets = (kept, *(target for target in targets if target != kept))
        keeper = exchange.request.state_provider
        if keeper is not None:
            # Who keeps the conversation needs the least of it sent again.
            targets = tuple(sorted(targets, key=lambda target: target.provider != keeper))
        input_tokens = estimate_input_tokens(exchange.request)
        candidates = [self._consider(exchange, target, input_tokens) for target in targets]
        decision = Decision(
            route=label,
            strategy=strategy,
            resolved_by=resolution.resolved_by,
            candidates=tuple(candidates),
            config_version=table.version,
        )
        exchange.decision = decision
        exchange.emit(
            RouteSelected(
                route=decision.route,
                strategy=decision.strategy,
                resolved_by=decision.resolved_by,
                candidates=tuple(map(_shown, candidates)),
                kept=None if kept is None else str(kept),
                switch=None if state is None else _switch(exchange, state, decision.usable),
            )
        )

    def _consider(self, exchange: Exchange, target: Target, input_tokens: int) -> Candidate:
        table = exchange.table
        candidate = consider(
            target,
            exchange.request,
            provider=table.provider(target.provider),
            model=table.model(target),
            has_key=self._has_key,
            input_tokens=input_tokens,
            learned=self._knowledge.of(target),
        )
        if candidate.refused is not None:
            return candidate
        breaker = table.terms(target, exchange.route).breaker
        hindrance = self._availability.hindrance(target, breaker)
        if hindrance is None:
            return candidate
        return Candidate(target, hindrance.refused, f"for another {hindrance.wait_s:.0f} s")

    def _has_key(self, variable: str) -> bool:
        return self._keyring.key(variable) is not None


def _kept_by_loop(
    exchange: Exchange, state: ConversationState | None, targets: Sequence[Target]
) -> Target | None:
    """In an open tool loop the target that called the tools comes first: another one would lose
    the prompt cache and trip over the first one's reasoning.  Between loops the first choice is
    returned to, so that one failure does not move a whole conversation."""
    if not exchange.authored.in_tool_loop or state is None or state.target not in targets:
        return None
    return state.target


def _switch(
    exchange: Exchange, state: ConversationState, usable: Sequence[Target]
) -> Mapping[str, str | int | None] | None:
    """What leaving the last turn's model costs, when it is left."""
    if not usable or usable[0] == state.target:
        return None
    table, at_us = exchange.table, exchange.started_us
    return {
        "from_target": str(state.target),
        "to_target": str(usable[0]),
        "cached_tokens": state.cached_tokens,
        "cost_nusd": cost_of_switch(
            state.cached_tokens,
            leaves=table.price(state.target, at_us),
            joins=table.price(usable[0], at_us),
        ),
    }


def _shown(candidate: Candidate) -> dict[str, str | None]:
    shown: dict[str, str | None] = {"target": candidate.target.name, "refused": candidate.refused}
    if candidate.target.account != "default":
        shown["account"] = candidate.target.account
    if candidate.detail is not None:
        shown["detail"] = candidate.detail
    return shown
