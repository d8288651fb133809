"""``/providers``: which are configured, what is missing, how their targets do."""

from __future__ import annotations

from typing import Any, get_args

from quart import Blueprint

from llmrouter.core.clock import Clock
from llmrouter.core.routing import Need, Target
from llmrouter.policy.breaker import BreakerState, wait_s
from llmrouter.policy.needs import key_variable, known_ability, known_window
from llmrouter.policy.table import DEFAULT_ACCOUNT
from llmrouter.web.services import Services, services

blueprint = Blueprint("providers", __name__)


@blueprint.get("/providers")
async def list_providers() -> dict[str, Any]:
    """Every provider by name; never a key."""
    part = services()
    return {name: _shown(part, name) for name in part.configuration.table.config.providers}


def _shown(part: Services, name: str) -> dict[str, Any]:
    table = part.configuration.table
    provider = table.config.providers[name]
    accounts = {
        account: _account(part, name, account)
        for account in dict.fromkeys((DEFAULT_ACCOUNT, *provider.accounts))
    }
    missing = sorted({a["missing"] for a in accounts.values() if a.get("missing")})
    configured = provider.key_optional or any(a["configured"] for a in accounts.values())
    models = {target.model for target in table.known_targets() if target.provider == name}
    prefix = name + "/"
    return {
        "configured": configured,
        "status": "ready" if configured else "no_credentials",
        "missing": [] if configured else missing,
        "dialect": provider.dialect,
        "base_url": provider.base_url,
        "accounts": accounts,
        "models": sorted(models | set(provider.models)),
        "capabilities": {
            model: abilities
            for model in sorted(models | set(provider.models))
            if (abilities := _abilities(part, Target(name, model)))
        },
        "under_way": part.capacity.taken(name),
        "breakers": {
            target: show_breaker(state, part.clock)
            for target, state in part.availability.breakers.items()
            if target.startswith(prefix)
        },
    }


def _account(part: Services, provider: str, account: str) -> dict[str, Any]:
    config = part.configuration.table.config.providers[provider]
    variable = key_variable(config, account)
    present = variable is None or part.keyring.key(variable) is not None
    shown: dict[str, Any] = {"configured": present, "key_env": variable}
    if not present:
        shown["missing"] = variable
    lock = part.availability.locks.get((provider, account))
    if lock is not None:
        shown["locked"] = {"reason": lock.reason, "until_us": lock.until_us}
    return shown


def _abilities(part: Services, target: Target) -> dict[str, Any]:
    """What is known of a model, and who says so; what is not known is left out."""
    model, learned = part.configuration.table.model(target), part.knowledge.of(target)
    window = known_window(model, learned)
    shown: dict[str, Any] = {}
    if window is not None:
        shown["context_tokens"] = {"value": window.value, "provenance": window.provenance}
    for need in get_args(Need):
        ability = known_ability(need, model, learned)
        if ability is not None:
            shown[need] = {"value": ability.value, "provenance": ability.provenance}
            if ability.provenance == "evidence":
                shown[need]["until_us"] = part.knowledge.refusals(target).get(need)
    return shown


def show_breaker(state: BreakerState, clock: Clock) -> dict[str, Any]:
    """A breaker for people: its position, its count, and how long it still rests."""
    return {
        "state": state.position,
        "failures": state.failures,
        "reopens_in_s": round(wait_s(state, clock.now_us()), 3),
    }
