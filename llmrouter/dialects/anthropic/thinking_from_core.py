"""How much a model is to think, and how it samples: the two depend on each other.

What a model takes of either is in `llmrouter.dialects.anthropic.model_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Reasoning, ToolCall
from llmrouter.core.chat.prompt import ChatPrompt, Effort, Sampling, Thinking
from llmrouter.core.records import Record
from llmrouter.dialects.anthropic.model_facts import ModelFacts
from llmrouter.dialects.fields import compact

_LEAST_BUDGET_TOKENS = 1024
"""The API's own least."""

_BUDGET_SHARE: Mapping[Effort, float] = {
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
"""Of max_tokens, which thinking is a part of: OpenRouter's ratios ("Reasoning tokens", 2026)."""

_EFFORTS: Mapping[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}


class WrittenThinking(Record):
    """The members ``thinking`` and ``output_config.effort``."""

    config: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def is_on(self) -> bool:
        return self.config is not None and self.config["type"] != "disabled"


def write_thinking(
    prompt: ChatPrompt, facts: ModelFacts, origin: str, max_tokens: int, losses: Losses
) -> WrittenThinking:
    """What is asked for, in the form that the model takes.

    ``origin`` is the endpoint: thoughts of earlier turns count when it signed them.
    """
    asked = prompt.thinking
    if asked is None:
        return WrittenThinking()
    if asked.mode == "off" or asked.effort == "none":
        return _no_thinking(facts, losses)
    match facts.thinking:
        case "none":
            losses.drop("thinking.effort", "this model does not think")
            return WrittenThinking()
        case "budget":
            obstacle = _obstacle_to_budget(prompt, origin)
            if obstacle is None:
                return _budget_thinking(asked, max_tokens, losses)
            losses.drop("thinking.effort", obstacle)
            return WrittenThinking()
        case "adaptive" | "adaptive_only":
            display = None if asked.shown is None else ("summarized" if asked.shown else "omitted")
            effort = asked.effort or _effort_for(asked.budget_tokens)
            return WrittenThinking(
                compact(type="adaptive", display=display), effort and _EFFORTS[effort]
            )


def _no_thinking(facts: ModelFacts, losses: Losses) -> WrittenThinking:
    match facts.thinking:
        case "none":
            return WrittenThinking()
        case "budget" | "adaptive":
            return WrittenThinking({"type": "disabled"})
        case "adaptive_only":
            # Left unsaid: several of these models refuse `disabled`.
            losses.drop("thinking.effort", "this model thinks as it sees fit; low effort was sent")
            return WrittenThinking(effort="low")


def _obstacle_to_budget(prompt: ChatPrompt, origin: str) -> str | None:
    """Why models with budgets would answer this request with a 400."""
    if prompt.tool_choice is not None and prompt.tool_choice.mode == "required":
        return "this model does not think where a tool must be called"
    answers = [message for message in prompt.messages if message.role == "assistant"]
    if not answers:
        return None
    parts = answers[-1].parts
    calls_tools = any(isinstance(part, ToolCall) for part in parts)
    if calls_tools and not any(isinstance(p, Reasoning) and p.origin == origin for p in parts):
        return "this model does not think on after a call that it has no signed thoughts of"
    return None


def _budget_thinking(asked: Thinking, max_tokens: int, losses: Losses) -> WrittenThinking:
    """Thinking within a budget, which must be smaller than ``max_tokens``."""
    share = _BUDGET_SHARE.get(asked.effort or "medium", 0.0)
    wanted = asked.budget_tokens or int(max_tokens * share)
    budget = min(max(wanted, _LEAST_BUDGET_TOKENS), max_tokens - 1)
    if budget < _LEAST_BUDGET_TOKENS:
        losses.drop("thinking.effort", f"{max_tokens} max_tokens leave no room for thinking")
        return WrittenThinking()
    return WrittenThinking({"type": "enabled", "budget_tokens": budget})


def _effort_for(budget_tokens: int | None) -> Effort | None:
    """About what a budget means on models that know efforts alone."""
    if budget_tokens is None:
        return None
    if budget_tokens < 4_096:
        return "low"
    return "medium" if budget_tokens < 16_384 else "high"


def write_sampling(
    sampling: Sampling, facts: ModelFacts, thinking: WrittenThinking, losses: Losses
) -> dict[str, Any]:
    said = compact(temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k)
    if not facts.takes_sampling or thinking.is_on:
        why = "this model refuses it" if not facts.takes_sampling else "refused while thinking"
        for name in said:
            losses.drop(name, why)
        return {}
    if "temperature" in said and "top_p" in said and not facts.takes_both_samplings:
        losses.drop("top_p", "this model takes temperature or top_p, not both")
        del said["top_p"]
    if said.get("temperature", 0) > 1:
        losses.drop("temperature", "Anthropic's ends at 1, which was sent")
        said["temperature"] = 1
    return said
