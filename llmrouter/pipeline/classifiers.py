"""Classifiers of text, each behind one shape, and the order in which a mode asks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import field

from llmrouter.core.configuration import BUILT_IN_CATEGORIES
from llmrouter.core.records import Record
from llmrouter.core.routing import Mode
from llmrouter.pipeline.exchange import Exchange
from llmrouter.policy.classifier import CustomCategory, LocalClassifier
from llmrouter.policy.keywords import KeywordResult
from llmrouter.policy.table import RoutingTable

MODE_ORDER: Mapping[Mode, tuple[Mode, ...]] = {
    "keywords": ("keywords",),
    "local": ("local", "keywords"),
    "ollama": ("ollama", "keywords"),
    "api": ("api", "keywords"),
    "hybrid": ("local", "ollama", "api", "keywords"),
}
"""Which classifiers a mode asks, the first that answers wins; keywords need nothing, come last."""

CONFIDENT = 0.6
"""In the mode ``hybrid`` an answer below this is kept in hand while the next classifier is asked.
The local one is right in 97 of 100 cases above 0.8, in about 8 of 10 between 0.6 and 0.8
(docs/classifier.md): not worth a second's wait."""


class Opinion(Record):
    """What a classifier says of a text: a category with its confidence (0 to 1) and evidence.

    ``continued``: the conversation's earlier texts settled it.
    """

    category: str
    confidence: float
    scores: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    continued: bool = False


class TextClassifier(Protocol):
    """Reads what a person wrote."""

    mode: Mode

    async def classify(self, exchange: Exchange) -> Opinion | None:
        """An opinion; None when there is nothing to go by, or when it cannot answer now.

        Never raises for want of a network, a model, or text.
        """


class Keywords:
    """The keyword lists of the configuration version."""

    mode: Mode = "keywords"

    async def classify(self, exchange: Exchange) -> Opinion | None:
        keywords, authored = exchange.table.keywords, exchange.authored
        found = keywords.classify(authored.text)
        if found.category is not None:
            return _opinion(found, found.category)
        # A follow-up without a word of its own ("and in Go?") goes on where the conversation was.
        for earlier in reversed(authored.earlier):
            found = keywords.classify(earlier)
            if found.category is not None:
                return _opinion(found, found.category, continued=True)
        return None


class Local:
    """The classifier shipped in the package, with the version's custom categories."""

    mode: Mode = "local"

    def __init__(self, classifier: LocalClassifier, *, explains: bool = True) -> None:
        """``explains``: whether an opinion says what it rests on: a third of its time."""
        self._plain = classifier
        self._explains = explains
        self._compiled: tuple[RoutingTable, LocalClassifier] | None = None

    async def classify(self, exchange: Exchange) -> Opinion | None:
        table, authored = exchange.table, exchange.authored
        scores = self._for(table).score(authored.text, authored.earlier, explains=self._explains)
        known = {c: p for c, p in scores.probabilities.items() if c in table.config.categories}
        if not known:
            return None
        category = max(known, key=known.__getitem__)
        return Opinion(
            category,
            round(known[category], 4),
            {name: round(probability, 4) for name, probability in known.items()},
            tuple(f"{e.feature} {e.weight:+.2f}" for e in scores.evidence),
        )

    def _for(self, table: RoutingTable) -> LocalClassifier:
        """The classifier of a configuration version; requests of one version follow each other,
        so that the last one is all that is worth keeping."""
        if self._compiled is None or self._compiled[0] is not table:
            self._compiled = (table, self._plain.with_custom(custom_categories(table)))
        return self._compiled[1]


def custom_categories(table: RoutingTable) -> list[CustomCategory]:
    """The categories that somebody added, in the local classifier's words."""
    return [
        CustomCategory(name, c.description, tuple(c.keywords), tuple(c.examples))
        for name, c in table.config.categories.items()
        if name not in BUILT_IN_CATEGORIES
    ]


def _opinion(found: KeywordResult, category: str, *, continued: bool = False) -> Opinion:
    confidence = found.confidence / 2 if continued else found.confidence
    return Opinion(category, confidence, found.scores, found.evidence, continued)
