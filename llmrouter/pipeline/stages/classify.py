"""classify: which category a request belongs to, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmrouter.core.clipping import clipped
from llmrouter.core.events import RequestClassified
from llmrouter.core.requests import ChatRequest, Turn
from llmrouter.core.routing import Classification, Mode
from llmrouter.pipeline.classifiers import CONFIDENT, MODE_ORDER, Opinion, TextClassifier
from llmrouter.pipeline.conversations import Recalling
from llmrouter.pipeline.exchange import Exchange

TOOLS = "tools"


class Classify:
    """Fills ``classification``.

    In this order: what the client asked for, an open tool loop, the tools rule, the text.
    """

    name = "classify"

    def __init__(self, classifiers: Sequence[TextClassifier], conversations: Recalling) -> None:
        self._classifiers: Mapping[Mode, TextClassifier] = {c.mode: c for c in classifiers}
        self._conversations = conversations

    async def __call__(self, exchange: Exchange) -> None:
        begun_ns = exchange.now_ns()
        fell_back_from: list[str] = []
        found = _requested(exchange) or await self._without_text(exchange)
        if found is None:
            found = await self._by_text(exchange, fell_back_from)
        exchange.classification = found
        exchange.emit(
            RequestClassified(
                category=found.category,
                decided_by=found.decided_by,
                mode_asked=found.mode_asked,
                mode=found.mode,
                confidence=found.confidence,
                scores=found.scores,
                evidence=found.evidence,
                duration_us=(exchange.now_ns() - begun_ns) // 1_000,
                fell_back_from=tuple(fell_back_from),
            )
        )

    def answering(self, mode: Mode) -> Mode:
        """The mode that really answers when this one is asked for."""
        return next((m for m in MODE_ORDER[mode] if m in self._classifiers), "keywords")

    async def _without_text(self, exchange: Exchange) -> Classification | None:
        """What is settled before anybody reads the text."""
        table, mode = exchange.table, exchange.table.config.routing.mode
        if exchange.authored.in_tool_loop:
            state = await self._conversations.recall(exchange.conversation_id)
            if state is not None and state.category in table.config.categories:
                return Classification(
                    state.category, "tool_loop", mode, None, evidence=("open tool loop",)
                )
        if self._tools_decide(exchange):
            names = tuple(clipped(name) for name in exchange.request.tools[:8])
            return Classification(TOOLS, "tools", mode, None, evidence=names)
        return None

    def _tools_decide(self, exchange: Exchange) -> bool:
        """The tools rule (``routing.tools_category``)."""
        config, request = exchange.table.config, exchange.request
        if not request.tools or TOOLS not in config.categories:
            return False
        match config.routing.tools_category:
            case "present":
                return True
            case "never":
                return False
            case "auto":
                # An agent carries its tools on every turn: there they say nothing of this one.
                return exchange.authored.agent is None and not _carries_unused_tools(request)

    async def _by_text(self, exchange: Exchange, fell_back_from: list[str]) -> Classification:
        """Asks the mode's classifiers in order.  In the mode ``hybrid`` an opinion that is not
        sure of itself is kept in hand while the next one is asked."""
        asked = exchange.table.config.routing.mode
        in_hand: tuple[Mode, Opinion] | None = None
        for mode in MODE_ORDER[asked]:
            classifier = self._classifiers.get(mode)
            opinion = await classifier.classify(exchange) if classifier is not None else None
            if opinion is None:
                fell_back_from.append(mode)
            elif mode == "keywords" and in_hand is not None:
                break  # words alone do not overrule a doubtful judgement of the whole text
            elif asked != "hybrid" or opinion.confidence >= CONFIDENT:
                return _by_opinion(asked, mode, opinion)
            elif in_hand is None:
                in_hand = (mode, opinion)
        if in_hand is not None:
            return _by_opinion(asked, *in_hand)
        return Classification(
            exchange.table.config.routing.default_category,
            decided_by="default",
            mode_asked=asked,
            mode="keywords",
            confidence=0.0,
            evidence=("nothing spoke for another category",),
        )


def _requested(exchange: Exchange) -> Classification | None:
    """What the client asked for itself, by naming a route or a model."""
    config, resolution = exchange.table.config, exchange.resolution
    if resolution.route is None and not resolution.pinned:
        return None
    category = resolution.route if resolution.route in config.categories else None
    return Classification(category, "requested", config.routing.mode, None)


def _by_opinion(asked: Mode, mode: Mode, opinion: Opinion) -> Classification:
    return Classification(
        opinion.category,
        decided_by="continuity" if opinion.continued else mode,
        mode_asked=asked,
        mode=mode,
        confidence=opinion.confidence,
        scores=opinion.scores,
        evidence=opinion.evidence,
    )


def _carries_unused_tools(request: ChatRequest) -> bool:
    """Whether earlier turns of this conversation were answered without calling any tool."""
    answers: list[Turn] = [turn for turn in request.turns if turn.role == "assistant"]
    return bool(answers) and not any(turn.calls_tools for turn in answers)
