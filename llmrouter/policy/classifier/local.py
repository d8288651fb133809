"""The local classifier: a linear model over words, marks and concepts, in pure Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from heapq import nlargest
from math import exp

from llmrouter.policy.classifier.custom import CustomMatcher
from llmrouter.policy.classifier.doubt import doubt_of, standing_of, temper
from llmrouter.policy.classifier.lexicon import Lexicon, load_lexicon
from llmrouter.policy.classifier.reading import Reading, read
from llmrouter.policy.classifier.scores import (
    CATEGORIES,
    CustomCategory,
    Evidence,
    Scores,
    blend,
)
from llmrouter.policy.classifier.weights import Hit, Weight, Weights, load_weights

EVIDENCE_LIMIT = 8

CONTEXT_TURNS = 4
"""Earlier texts that are read; what is further back has faded."""

CONTEXT_CHARACTERS = 400
"""A text of this length leaves earlier turns a weight under 4 %: they are not read at all."""


@dataclass(frozen=True, slots=True, repr=False)
class LocalClassifier:
    """Classifies texts into code, reasoning, conversation, and the custom categories it was
    given."""

    _weights: Weights
    _lexicon: Lexicon
    _custom: CustomMatcher | None = None

    @classmethod
    @cache
    def load(cls) -> "LocalClassifier":
        """Reads the packaged weights and word lists: some 50 ms, once in a process."""
        return cls(load_weights(), load_lexicon())

    def with_custom(self, categories: Sequence[CustomCategory]) -> "LocalClassifier":
        """Gives a classifier that knows these categories too (and no other custom ones)."""
        matcher = CustomMatcher.build(categories, self._lexicon) if categories else None
        return replace(self, _custom=matcher)

    def score(self, text: str, context: Sequence[str] = (), *, explains: bool = True) -> Scores:
        """Scores the last text that the person wrote; `context` holds the earlier ones, oldest
        first.

        Any string is scored. Earlier texts weigh on a short one as `blend` says, so a caller
        that keeps a conversation's probabilities itself passes no context. Where nobody reads the
        evidence (``explains``), it is left out.
        """
        current = self._score_alone(text, explains)
        if not context or len(text) >= CONTEXT_CHARACTERS:
            return current
        earlier = list(context[-CONTEXT_TURNS:])
        state = self._score_alone(earlier[0], False)
        for later in earlier[1:]:
            state = blend(state.probabilities, self._score_alone(later, False), len(later.strip()))
        return blend(state.probabilities, current, len(text.strip()))

    def _score_alone(self, text: str, explains: bool) -> Scores:
        reading = read(text, self._lexicon)
        logits, hits = self._logits(reading)
        base = temper(_softmax(logits, self._weights.temperature), doubt_of(reading, len(hits)))
        probabilities = dict(zip(CATEGORIES, base, strict=True))
        standing = standing_of(reading)
        if self._custom is not None:
            match = self._custom.match(reading, probabilities)
            if match is not None:
                probabilities = dict(match.probabilities)
                if match.wins:
                    return Scores(probabilities, match.evidence[:EVIDENCE_LIMIT], standing)
        evidence = self._evidence(reading, hits, base.index(max(base))) if explains else ()
        return Scores(probabilities, evidence, standing)

    def _logits(self, reading: Reading) -> tuple[Weight, list[Hit]]:
        weights = self._weights
        first, second, third = weights.bias
        named = weights.named
        for name in reading.named:
            weight = named.get(name)
            if weight is not None:
                first += weight[0]
                second += weight[1]
                third += weight[2]
        hits, sums = weights.find_units(reading.units)
        scale = weights.scale_for(len(reading.units))
        return (first + sums[0] * scale, second + sums[1] * scale, third + sums[2] * scale), hits

    def _evidence(self, reading: Reading, hits: Sequence[Hit], winner: int) -> tuple[Evidence, ...]:
        """Gives what spoke most for the winner; pairs and lengths count for the concept they go
        with."""
        named = self._weights.named
        gains = [
            (named[name][winner], name)
            for name in reading.named
            if name in named and not _is_step(name)
        ]
        scale = self._weights.scale_for(len(reading.units))
        gains += [(hit.weights[winner] * scale, f'"{hit.unit}"') for hit in hits]
        merged: dict[str, float] = {}
        for gain, name in nlargest(4 * EVIDENCE_LIMIT, gains):
            if gain > 0:
                label = _label(name, reading.concepts)
                merged[label] = merged.get(label, 0.0) + gain
        # Centred over three categories, a weight is two thirds of its log-odds against the rest.
        factor = 1.5 / self._weights.temperature
        strongest = nlargest(EVIDENCE_LIMIT, merged.items(), key=lambda item: item[1])
        category = CATEGORIES[winner]
        return tuple(Evidence(label, category, round(g * factor, 3)) for label, g in strongest)


def _is_step(name: str) -> bool:
    """Tells whether a feature is a step of length or density: it weighs, but explains nothing."""
    return name[0] == "!" and ":" in name


def _label(name: str, concepts: Mapping[str, Sequence[str]]) -> str:
    """Gives a feature's name for people: `software (script, python)`, `fence`, `software +
    fault`."""
    if name.startswith('"'):
        return name.replace('"^ ', '"', 1)
    parts = [part for part in name.split("&") if not part.startswith("!length")]
    if len(parts) > 1:
        return " + ".join(part.lstrip("!@").partition(":")[0] for part in parts)
    bare = (parts[0] if parts else name).lstrip("!@")
    concept = bare.partition(":")[0]
    if concept in concepts and name.startswith("@"):
        return f"{concept} ({', '.join(concepts[concept][:3])})"
    return bare


def _softmax(logits: Weight, temperature: float) -> Weight:
    top = max(logits)
    first, second, third = (exp((logit - top) / temperature) for logit in logits)
    total = first + second + third
    return first / total, second / total, third / total
