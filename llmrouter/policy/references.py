"""Names in a configuration that lead nowhere: what a schema cannot see."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Final

from llmrouter.core.configuration import RouteConfig, RouterConfig, nearest
from llmrouter.core.errors import ConfigurationInvalid, FieldError
from llmrouter.core.records import Record
from llmrouter.core.routing import DialectName
from llmrouter.policy.names import CLASSIFIED_NAMES, OPENROUTER, Aliases, ModelNames

TOOLS_CATEGORY: Final = "tools"

# `opneai/gpt-4o` is 0.83 like `openai`, the least alike of a dozen plausible slips; OpenRouter's
# vendors without a preset of their own stay below 0.65, but for the two that are named here.
_SLIP_SIMILARITY: Final = 0.8
_VENDORS_LIKE_PROVIDERS: Final = frozenset({"mistralai", "x-ai"})


class _Names(Record):
    """Everything that a name in the configuration may stand for."""

    config: RouterConfig
    routes: Mapping[str, RouteConfig]
    aliases: Aliases
    models: ModelNames


def check_references(
    config: RouterConfig, *, dialects: Collection[DialectName]
) -> list[FieldError]:
    """Every name in the configuration that leads nowhere, with the nearest that exists.

    ``dialects`` are those that a codec speaks.
    """
    aliases, errors = _aliases(config)
    routes = {**config.combos, **config.categories}
    names = _Names(
        config, routes, aliases, ModelNames(config.providers, aliases, _mentioned(config))
    )
    return [
        *errors,
        *_routing_errors(config),
        *_dialect_errors(config, dialects),
        *_route_errors(names),
        *_alias_errors(names),
        *_fact_errors(names),
    ]


def _aliases(config: RouterConfig) -> tuple[Aliases, list[FieldError]]:
    """The aliases that do not lead in a circle, and an error for each that does."""
    try:
        return Aliases(config.aliases), []
    except ConfigurationInvalid as error:
        circular = {fault.field.removeprefix("aliases.") for fault in error.errors}
        straight = {name: to for name, to in config.aliases.items() if name not in circular}
        return Aliases(straight), list(error.errors)


def _routing_errors(config: RouterConfig) -> Iterator[FieldError]:
    default = config.routing.default_category
    if default not in config.categories:
        yield FieldError(
            "routing.default_category",
            f"there is no category `{default}`; {_hint(default, config.categories)}",
        )
    if config.routing.tools_category != "never" and TOOLS_CATEGORY not in config.categories:
        yield FieldError(
            f"categories.{TOOLS_CATEGORY}",
            "is missing, and requests that carry tools belong to it; add it, or set "
            "routing.tools_category to `never`",
        )
    for name in sorted(config.combos.keys() & config.categories.keys()):
        yield FieldError(f"combos.{name}", "is a category's name, too; choose another")
    sections: dict[str, Mapping[str, object]] = {
        "categories": config.categories,
        "combos": config.combos,
        "aliases": config.aliases,
    }
    for section, entries in sections.items():
        for name in sorted(entries.keys() & CLASSIFIED_NAMES):
            yield FieldError(
                f"{section}.{name}", "is a name that asks for a choice; choose another"
            )


def _dialect_errors(
    config: RouterConfig, dialects: Collection[DialectName]
) -> Iterator[FieldError]:
    for name, provider in config.providers.items():
        if provider.dialect not in dialects:
            yield FieldError(
                f"providers.{name}.dialect",
                f"`{provider.dialect}` is not spoken with providers yet; use one of: "
                f"{', '.join(sorted(dialects))}",
            )


def _route_errors(names: _Names) -> Iterator[FieldError]:
    config = names.config
    for section, routes in (("categories", config.categories), ("combos", config.combos)):
        for route, settings in routes.items():
            for place, model in enumerate(settings.models):
                fault = _model_fault(model, names)
                if fault is not None:
                    yield FieldError(f"{section}.{route}.models.{place}", fault)


def _alias_errors(names: _Names) -> Iterator[FieldError]:
    for alias, target in names.config.aliases.items():
        known = target in names.routes or target in names.config.aliases
        if known or target.lower() in CLASSIFIED_NAMES:
            continue
        fault = _provider_fault(target, names) if "*" in target else _model_fault(target, names)
        if fault is not None:
            yield FieldError(f"aliases.{alias}", fault)


def _fact_errors(names: _Names) -> Iterator[FieldError]:
    """Facts and prices of models at a provider that does not exist.

    A short name that nobody lists is let pass: a table of prices may know more models than are
    in use.
    """
    config = names.config
    for section, entries in (("models", config.models), ("prices", config.prices)):
        for name in entries:
            fault = None if names.aliases.follow(name) else _provider_fault(name, names)
            if fault is not None:
                yield FieldError(f"{section}.{name}", fault)


def _model_fault(name: str, names: _Names) -> str | None:
    """Why this is no model's name, or None."""
    meant = names.aliases.follow_exact(name) or name
    if names.models.split(meant) is None:
        meant = names.aliases.follow_wildcard(meant) or meant
    if meant in names.routes:
        return f"`{name}` stands for the route `{meant}`; a route lists models"
    if "/" in meant:
        return _provider_fault(meant, names)
    serving = names.models.providers_of(meant)
    if len(serving) > 1:
        choices = ", ".join(f"`{provider}/{meant}`" for provider in serving)
        return f"several providers list `{meant}`; write one of {choices}"
    if not serving:
        known = (*names.aliases.exact, *names.models.known)
        return f"`{meant}` is no alias, and no provider lists it; {_hint(meant, known)}"
    return None


def _provider_fault(name: str, names: _Names) -> str | None:
    """Why the name's provider is none, or None.

    OpenRouter's ids need no provider in front, unless the first part looks like a slip.
    """
    provider, slash, _ = name.partition("/")
    providers = names.config.providers
    if not slash or "*" in provider or provider in providers:
        return None
    slip = difflib.get_close_matches(provider, list(providers), n=1, cutoff=_SLIP_SIMILARITY)
    if OPENROUTER in providers and (provider in _VENDORS_LIKE_PROVIDERS or not slip):
        return None
    fault = f"there is no provider `{provider}`; {_hint(provider, providers)}"
    if OPENROUTER in providers:
        fault += f" (a model of OpenRouter is written `{OPENROUTER}/{name}`)"
    return fault


def _mentioned(config: RouterConfig) -> Iterator[str]:
    """Names of models anywhere in the document, for what a bare id may mean."""
    yield from chain(config.models, config.prices, config.aliases.values())
    for route in chain(config.categories.values(), config.combos.values()):
        yield from route.models


def _hint(name: str, known: Collection[str]) -> str:
    guess = nearest(name, known)
    if guess is not None:
        return f"did you mean `{guess}`?"
    if "/" in "".join(known):
        return "write `provider/model-id`"
    return f"there are: {', '.join(known)}"
