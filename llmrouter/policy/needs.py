"""Whether a target can serve a request at all, as far as is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from llmrouter.core.capabilities import NOTHING_LEARNED, Learned, Provenance
from llmrouter.core.configuration import ModelConfig, ProviderConfig
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import Candidate, Need, Refusal, Target
from llmrouter.policy.token_counts import count_by_length

HasKey = Callable[[str], bool]
"""Whether an environment variable holds a key."""

REFUSED_FOR: Final[Mapping[Need, Refusal]] = {
    "tools": "no_tools",
    "vision": "no_vision",
    "audio": "no_audio",
    "json_schema": "no_json_schema",
}

BECAUSE: Final[Mapping[Provenance, str | None]] = {
    "configured": None,
    "provider": "its provider says so",
    "evidence": "it refused such a request in the last day",
}

T = TypeVar("T", bool, int)


class Known(Record, Generic[T]):
    """A fact about a model, and who says it."""

    value: T
    provenance: Provenance


def consider(
    target: Target,
    request: ChatRequest,
    *,
    provider: ProviderConfig | None,
    model: ModelConfig,
    has_key: HasKey,
    input_tokens: int,
    learned: Learned = NOTHING_LEARNED,
) -> Candidate:
    """The target as a candidate: refused for a lack that is known.

    What is unknown refuses nothing: only a capability that is false, and a context window that is
    given.  ``input_tokens`` is an estimate (`estimate_input_tokens`).
    """
    if provider is None:
        return Candidate(target, "unknown_provider", f"no provider `{target.provider}`")
    variable = key_variable(provider, target.account)
    if variable is not None and not provider.key_optional and not has_key(variable):
        return Candidate(target, "no_credentials", f"{variable} is not set")
    needs = request.needs
    for need, refusal in REFUSED_FOR.items() if needs else ():
        ability = known_ability(need, model, learned) if need in needs else None
        if ability is not None and not ability.value:
            return Candidate(target, refusal, BECAUSE[ability.provenance])
    window = known_window(model, learned)
    if window is not None and input_tokens > window.value:
        detail = f"about {input_tokens} tokens for a window of {window.value}"
        return Candidate(target, "context_too_small", detail)
    return Candidate(target)


def known_ability(need: Need, model: ModelConfig, learned: Learned) -> Known[bool] | None:
    """Whether the model can do that, and who says so; the configuration has the last word."""
    configured: bool | None = getattr(model, need)
    if configured is not None:
        return Known(configured, "configured")
    if need in learned.refused:
        return Known(False, "evidence")
    said: bool | None = getattr(learned.said, need)
    return None if said is None else Known(said, "provider")


def known_window(model: ModelConfig, learned: Learned) -> Known[int] | None:
    """The context window in tokens, and who says so."""
    if model.context_tokens is not None:
        return Known(model.context_tokens, "configured")
    said = learned.said.context_tokens
    return None if said is None else Known(said, "provider")


def key_variable(provider: ProviderConfig, account: str) -> str | None:
    """The environment variable with the account's key; None when none is sent."""
    named = provider.accounts.get(account)
    return named.api_key_env if named is not None else provider.api_key_env


def estimate_input_tokens(request: ChatRequest) -> int:
    """About how many tokens the request's messages have, on the low side: a target is refused for
    its window only when the texts alone are surely too long."""
    characters = sum([len(turn.text) for turn in request.turns])
    return count_by_length(characters)
