"""Names that stand for other names: aliases and their wildcards, and what a model's name means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from llmrouter.core.configuration import ProviderConfig, RouterConfig
from llmrouter.core.errors import ConfigurationInvalid, FieldError
from llmrouter.core.records import Record

CLASSIFIED_NAMES: Final = frozenset({"", "auto", "router", "router/router"})
"""What a client sends as ``model`` to leave the choice to us."""

MAX_NAME_LENGTH: Final = 256

# `opneai` is 0.83 like `openai`, the least alike of a dozen plausible slips; OpenRouter's vendors
# without a preset of their own stay below 0.65, but for the two that are named here.
SLIP_SIMILARITY: Final = 0.8
VENDORS_LIKE_PROVIDERS: Final = frozenset({"mistralai", "x-ai"})

OPENROUTER: Final = "openrouter"
"""The provider of ids without a known provider: it serves everybody's models under their names."""


class _Wildcard(Record):
    pattern: str
    regex: re.Pattern[str]
    target: str


class Aliases:
    """The configuration's aliases, compiled: exact ones first, then the most specific wildcard."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        """Raises `ConfigurationInvalid` when aliases lead to each other in a circle."""
        self._exact = {name: target for name, target in aliases.items() if not _is_pattern(name)}
        patterns = sorted((name for name in aliases if _is_pattern(name)), key=_vagueness)
        self._wildcards = tuple(
            _Wildcard(name, _compiled(name), aliases[name]) for name in patterns
        )
        circles = [name for name in self._exact if self._end(name) is None]
        if circles:
            raise ConfigurationInvalid(
                [FieldError(f"aliases.{name}", "leads back to itself") for name in circles]
            )

    @property
    def exact(self) -> Mapping[str, str]:
        """The aliases without wildcards."""
        return self._exact

    def follow_exact(self, name: str) -> str | None:
        """What an exact alias stands for in the end, or None when the name is none."""
        return self._end(name) if name in self._exact else None

    def follow_wildcard(self, name: str) -> str | None:
        """What the most specific pattern that fits stands for, or None.

        Each ``*`` of the target takes what the pattern's ``*`` in the same place matched.
        """
        for wildcard in self._wildcards:
            match = wildcard.regex.fullmatch(name)
            if match is not None:
                target = _filled(wildcard.target, match.groups())
                return self.follow_exact(target) or target
        return None

    def follow(self, name: str) -> str | None:
        """What the name stands for, exact before wildcard; None when it is no alias."""
        return self.follow_exact(name) or self.follow_wildcard(name)

    def _end(self, name: str) -> str | None:
        seen: set[str] = set()
        while name in self._exact:
            if name in seen:
                return None
            seen.add(name)
            name = self._exact[name]
        return name


class ModelNames:
    """What a model's name means: provider and model id."""

    def __init__(
        self, providers: Mapping[str, ProviderConfig], aliases: Aliases, known: Iterable[str]
    ) -> None:
        """``known`` are further names with a provider, from routes, models and prices."""
        self._providers = providers
        self._aliases = aliases
        self._serving: dict[str, set[str]] = {}
        for provider, config in providers.items():
            for model in config.models:
                self._serving.setdefault(model, set()).add(provider)
        for name in known:
            located = self.split(name)
            if located is not None:
                self._serving.setdefault(located[1], set()).add(located[0])

    def split(self, name: str) -> tuple[str, str] | None:
        """Provider and model id of a name that begins with a configured provider."""
        provider, slash, model = name.partition("/")
        return (provider, model) if slash and model and provider in self._providers else None

    def providers_of(self, model: str) -> tuple[str, ...]:
        """The configured providers that list this bare id."""
        return tuple(sorted(self._serving.get(model, ())))

    def locate(self, name: str) -> tuple[str, str]:
        """Provider and model id of a name in the configuration.

        A full name is taken as it is, unless an exact alias explains it; a short one by alias or
        by the one provider that lists it; whatever is left is OpenRouter's.
        """
        name = self._aliases.follow_exact(name) or name
        located = self.split(name)
        if located is not None:
            return located
        meant = self._aliases.follow_wildcard(name)
        if meant is not None:
            return self.split(meant) or (OPENROUTER, meant)
        serving = self.providers_of(name)
        return (serving[0], name) if len(serving) == 1 else (OPENROUTER, name)

    def is_vendors(self, name: str) -> bool:
        """Whether a name without a known provider reads like an id of OpenRouter's,
        ``vendor/model``, and not like a slip in a provider's name."""
        vendor, slash, model = name.partition("/")
        if not slash or not vendor or not model:
            return False
        slip = difflib.get_close_matches(vendor, list(self._providers), 1, SLIP_SIMILARITY)
        return not slip or vendor in VENDORS_LIKE_PROVIDERS

    @property
    def known(self) -> tuple[str, ...]:
        """Every ``provider/model`` that the configuration mentions, in order."""
        return tuple(
            sorted(
                f"{provider}/{model}"
                for model, providers in self._serving.items()
                for provider in providers
            )
        )


def mentioned_names(config: RouterConfig) -> Iterator[str]:
    """Names of models anywhere in the document, for what a bare id may mean."""
    yield from chain(config.models, config.prices)
    yield from (target for target in config.aliases.values() if not _is_pattern(target))
    for route in chain(config.categories.values(), config.combos.values()):
        yield from route.models


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that may have been meant, the likeliest first."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    return [by_lower[match] for match in matches]


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def _vagueness(pattern: str) -> tuple[int, int, str]:
    """Sorts patterns: the most literal characters first, then the fewest ``*``."""
    stars, marks = pattern.count("*"), pattern.count("?")
    return (stars + marks - len(pattern), stars, pattern)


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": "(.*)", "?": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in pattern), re.DOTALL)


def _filled(target: str, captured: Iterable[str]) -> str:
    for text in captured:
        target = target.replace("*", text, 1)
    return target
