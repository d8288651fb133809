"""The routing table: a configuration version, compiled once; requests only look things up."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import Any, Final, TypeVar

from llmrouter.core.configuration import (
    BreakerConfig,
    LimitsConfig,
    ModelConfig,
    PartialBreaker,
    PartialLimits,
    PartialTimeouts,
    ProviderConfig,
    RouteConfig,
    RouterConfig,
    TimeoutsConfig,
    nearest,
)
from llmrouter.core.errors import FieldError, InvalidRequest, MalformedRequest, NotFound
from llmrouter.core.prices import PriceCard
from llmrouter.core.records import Record
from llmrouter.core.routing import ResolvedBy, Target
from llmrouter.policy.keywords import KeywordClassifier, load_weights
from llmrouter.policy.names import (
    CLASSIFIED_NAMES,
    MAX_NAME_LENGTH,
    OPENROUTER,
    Aliases,
    ModelNames,
    mentioned_names,
    nearest_names,
)
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.pricing import rates_from_config
from llmrouter.policy.strategies import STRATEGIES

DEFAULT_ACCOUNT: Final = "default"
OURS: Final = "llmrouter"

_Section = TypeVar("_Section", BreakerConfig, TimeoutsConfig, LimitsConfig)


class Resolution(Record):
    """What a client's ``model`` means: a route, pinned targets, or (neither) to be classified."""

    route: str | None
    pinned: tuple[Target, ...]
    resolved_by: ResolvedBy


class ListedModel(Record):
    """A name that a client may send, for the list of models."""

    id: str
    owned_by: str
    context_tokens: int | None = None


class Terms(Record):
    """What holds for a target on a route, with everybody's word in it.

    ``drain_s`` is how long it is read on once the client has left; ``provider_attempts`` the most
    attempts at once at its provider, for all models together.
    """

    breaker: BreakerConfig
    timeouts: TimeoutsConfig
    limits: LimitsConfig
    drain_s: float
    provider_attempts: int | None


_REMEMBERED: Final = 10_000
"""Names whose meaning, and targets whose terms, a table keeps once they were asked for: more
than any configuration has, and a client that invents names fills no memory."""

CLASSIFIED: Final = Resolution(None, (), "classified")


def compile_table(
    version: int,
    document: Mapping[str, Any],
    config: RouterConfig,
    book: PriceBook | None = None,
    *,
    before: RoutingTable | None = None,
) -> RoutingTable:
    """The table of a configuration version whose names have been checked
    (`llmrouter.policy.references`).

    ``book`` is what prices are looked up in, the configuration's own among them; without one,
    these are all there are, and hold whenever.  From the table ``before`` comes what both say.
    """
    table = RoutingTable(version, document, config, before)
    if book is None:
        book = PriceBook().assuming(table.configured_prices)
    return table.with_prices(book)


class RoutingTable:
    """Everything that routing asks of one configuration version; never changes."""

    def __init__(
        self,
        version: int,
        document: Mapping[str, Any],
        config: RouterConfig,
        before: RoutingTable | None = None,
    ) -> None:
        self.version = version
        self.document = document
        self.config = config
        self._routes: dict[str, RouteConfig] = {**config.combos, **config.categories}
        self.hedges_by_p95 = any(r.hedge_after_ms == "p95" for r in self._routes.values())
        """Whether a route goes by how slow its models are known to be."""
        self._aliases = Aliases(config.aliases)
        self._names = ModelNames(config.providers, self._aliases, mentioned_names(config))
        self._models = {self._target_name(name): model for name, model in config.models.items()}
        self.configured_prices = self._configured_prices()
        self.book = PriceBook()
        self._targets = {
            name: tuple(
                chain.from_iterable(
                    self._accounts(*self._names.locate(model)) for model in route.models
                )
            )
            for name, route in self._routes.items()
        }
        words = {name: category.keywords for name, category in config.categories.items()}
        self.keywords: KeywordClassifier = (
            before.keywords  # two thousand words, which hardly ever change
            if before is not None and before.keywords.categories == words
            else KeywordClassifier(words, load_weights())
        )
        self._terms: dict[tuple[str, str | None], Terms] = {
            (target.name, route): self._merged(target, route)
            for route, targets in self._targets.items()
            for target in targets
        }
        # What a request can name beside the routes: known models, and any other of a provider.
        for name in config.models:
            target = Target(*self._names.locate(name))
            self._terms[target.name, None] = self._merged(target, None)
        self._terms_of_others = {
            name: self._merged(Target(name, _ANY_MODEL), None) for name in config.providers
        }
        self._resolutions: dict[str, Resolution] = {}

    def resolve(self, name: str | None) -> Resolution:
        """What the client's ``model`` means, in the order of docs/configuration.md.

        Raises `NotFound` (``model_not_found``) with the nearest names.
        """
        name = name or ""
        found = self._resolutions.get(name)
        if found is None:
            found = self._resolved(name.strip())
            if len(self._resolutions) < _REMEMBERED and len(name) <= MAX_NAME_LENGTH:
                self._resolutions[name] = found
        return found

    def _resolved(self, name: str) -> Resolution:
        if name.lower() in CLASSIFIED_NAMES:
            return CLASSIFIED
        if name in self._routes:
            return Resolution(name, (), "route")
        if len(name) > MAX_NAME_LENGTH or not name.isprintable():
            raise self._not_found(name)
        meant = self._aliases.follow(name)
        if meant is not None:
            return self._resolve_alias(name, meant)
        located = self._names.split(name)
        if located is not None:
            return Resolution(None, self._accounts(*located), "model")
        serving = self._names.providers_of(name)
        if len(serving) == 1:
            return Resolution(None, self._accounts(serving[0], name), "bare_id")
        if OPENROUTER in self.config.providers and self._names.is_vendors(name):
            return Resolution(None, self._accounts(OPENROUTER, name), "model")
        raise self._not_found(name)

    def resolve_at(self, provider: str, name: str | None) -> Resolution:
        """What ``model`` means where the address names the provider: a model of that provider,
        whether the name says so or not.

        Raises `NotFound` for an unknown provider, `InvalidRequest` for another's prefix.
        """
        if provider not in self.config.providers:
            guess = nearest(provider, self.config.providers)
            hint = f" Did you mean `{guess}`?" if guess else ""
            raise NotFound(
                f"There is no provider called `{provider[:100]}`.{hint}", code="provider_not_found"
            )
        model = (name or "").strip()
        if not model or model.lower() in CLASSIFIED_NAMES:
            raise InvalidRequest(
                [FieldError("model", f"name one of `{provider}`'s models at this address")]
            )
        if not model.isprintable():
            raise self._not_found(model)
        prefix, slash, rest = model.partition("/")
        if slash and prefix == provider:
            model = rest
        elif slash and prefix in self.config.providers and not self._serves(provider, model):
            raise MalformedRequest(
                f"`{model[:MAX_NAME_LENGTH]}` names the provider `{prefix}`, and this address is "
                f"`{provider}`'s; send `{provider}/{rest[:MAX_NAME_LENGTH]}`, or use "
                f"/v1/providers/{prefix}/.",
                code="wrong_provider",
                param="model",
            )
        return Resolution(None, self._accounts(provider, model), "model")

    def _serves(self, provider: str, model: str) -> bool:
        """Whether a name with another provider's prefix is this one's own: OpenRouter's are."""
        return provider == OPENROUTER or provider in self._names.providers_of(model)

    def route(self, name: str) -> RouteConfig | None:
        """The category or combo of this name."""
        return self._routes.get(name)

    def targets(self, route: str) -> tuple[Target, ...]:
        """The route's targets as configured: each model with each of its provider's accounts."""
        return self._targets.get(route, ())

    def ordered(self, route: str, request_id: int, at_us: int) -> tuple[Target, ...]:
        """The route's targets in its strategy's order, by the prices of a moment."""
        strategy = STRATEGIES[self._routes[route].strategy]
        price_of = partial(self.price, at_us=at_us)
        return strategy(self._targets[route], price_of=price_of, request_id=request_id)

    def terms(self, target: Target, route: str | None = None) -> Terms:
        """What holds for a target on a route; the route's word counts over the model's, the model's
        over the provider's, the provider's over the general one."""
        return self._terms.get((target.name, route)) or self._found(target, route)

    def price(self, target: Target, at_us: int) -> PriceCard | None:
        """What the target charges at a moment (wall clock), or None when no price is known.

        A request's prices are those of the moment at which it arrived.
        """
        return self.book.card(target, at_us)

    def prices_listed(self, at_us: int) -> Mapping[str, PriceCard]:
        """What is charged at a moment for each known model that has a price."""
        targets = {name: Target(*name.split("/", 1)) for name in self._names.known}
        found = {name: self.price(target, at_us) for name, target in targets.items()}
        return {name: card for name, card in found.items() if card is not None}

    def with_prices(self, book: PriceBook) -> RoutingTable:
        """The same table, which looks prices up in this book."""
        table = copy.copy(self)
        table.book = book
        return table

    def model(self, target: Target) -> ModelConfig:
        """What is known of the target's model; an unknown one refuses nothing."""
        return self._models.get(target.name, _UNKNOWN_MODEL)

    def provider(self, name: str) -> ProviderConfig | None:
        """The provider of this name."""
        return self.config.providers.get(name)

    def known_targets(self) -> tuple[Target, ...]:
        """Every target of every route, once, in the routes' order."""
        return tuple(dict.fromkeys(chain.from_iterable(self._targets.values())))

    def models_listed(self) -> tuple[ListedModel, ...]:
        """The names that a client may send: the router's own, routes, aliases, then models."""
        ours = ("router", *self._routes, *self._aliases.exact)
        listed = {name: ListedModel(name, OURS) for name in ours}
        for name in self._names.known:
            provider, _, model = name.partition("/")
            context_tokens = self.model(Target(provider, model)).context_tokens
            listed.setdefault(name, ListedModel(name, provider, context_tokens))
        return tuple(listed.values())

    def _resolve_alias(self, name: str, meant: str) -> Resolution:
        if meant.lower() in CLASSIFIED_NAMES:
            return CLASSIFIED
        if meant in self._routes:
            return Resolution(meant, (), "alias")
        if "/" not in meant and not self._names.providers_of(meant):
            raise self._not_found(name, meant)
        return Resolution(None, self._accounts(*self._names.locate(meant)), "alias")

    def _accounts(self, provider: str, model: str) -> tuple[Target, ...]:
        config = self.config.providers.get(provider)
        if config is None:
            return (Target(provider, model),)
        default = (DEFAULT_ACCOUNT,) if config.api_key_env or not config.accounts else ()
        names = dict.fromkeys((*default, *config.accounts))
        return tuple(Target(provider, model, account) for account in names)

    def _configured_prices(self) -> tuple[PriceCard, ...]:
        """What the document says of prices; an entry that is null says that a price is not known,
        whatever anybody else says."""
        prices = {name: rates_from_config(price) for name, price in self.config.prices.items()}
        sources = {name: price.source for name, price in self.config.prices.items()}
        for name, price in (self.document.get("prices") or {}).items():
            if price is None:
                prices[name] = ()
        return tuple(
            PriceCard(
                *self._names.locate(name),
                rates=rates,
                valid_from_us=0,
                origin="configuration",
                source=sources.get(name),
                config_version=self.version,
            )
            for name, rates in prices.items()
        )

    def _target_name(self, name: str) -> str:
        return "/".join(self._names.locate(name))

    def _found(self, target: Target, route: str | None) -> Terms:
        """The terms of a target that was not asked for yet."""
        found = None
        if route is None and target.name not in self._models:
            found = self._terms_of_others.get(target.provider)
        found = found or self._merged(target, route)
        if len(self._terms) < _REMEMBERED:
            self._terms[target.name, route] = found
        return found

    def _merged(self, target: Target, route: str | None) -> Terms:
        config, provider = self.config, self.provider(target.provider)
        model = self._models.get(target.name)
        of_route = None if route is None else self._routes.get(route)
        breaker, timeouts, limits = config.breaker, config.timeouts, config.limits
        for section in (provider, model, of_route):
            if section is None:
                continue
            breaker = _overlay(breaker, section.breaker)
            timeouts = _overlay(timeouts, section.timeouts)
            limits = _overlay(limits, section.limits)
        is_drained = provider is not None and provider.on_disconnect != "cancel"
        return Terms(
            breaker,
            timeouts,
            limits,
            drain_s=timeouts.drain_s if is_drained else 0.0,
            provider_attempts=None if provider is None else provider.limits.concurrent_requests,
        )

    def _not_found(self, name: str, meant: str | None = None) -> NotFound:
        serving = self._names.providers_of(meant or name)
        shown = name if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH] + "…"
        shown = "".join(character if character.isprintable() else "?" for character in shown)
        message = f"There is no model or route called `{shown}`."
        if meant is not None:
            message = f"`{shown}` is an alias of `{meant}`, which is no model or route."
        if serving:
            choices = ", ".join(f"`{provider}/{name}`" for provider in serving)
            message += f" Several providers serve it; say which: {choices}."
        elif close := self._nearest(name):
            message += f" Did you mean {' or '.join(f'`{n}`' for n in close)}?"
        else:
            message += " `router` lets the router choose; GET /v1/models lists all names."
        return NotFound(message, code="model_not_found", param="model")

    def _nearest(self, name: str) -> list[str]:
        if len(name) > MAX_NAME_LENGTH:
            return []
        known = [listed.id for listed in self.models_listed()]
        return nearest_names(name, known) or nearest_names(
            name, (full.partition("/")[2] for full in self._names.known)
        )


_UNKNOWN_MODEL: Final = ModelConfig()
_ANY_MODEL: Final = ""  # no model is called so


def _overlay(base: _Section, partial: PartialBreaker | PartialTimeouts | PartialLimits) -> _Section:
    said = partial.model_dump(exclude_none=True)
    return base.model_copy(update=said) if said else base
