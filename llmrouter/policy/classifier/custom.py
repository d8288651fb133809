"""Custom categories: matched by their own words, and by the shipped topics that those words
belong to."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import exp, log2

from llmrouter.core.records import Record
from llmrouter.policy.classifier.features import fold, is_spaceless, split, window
from llmrouter.policy.classifier.lexicon import Lexicon
from llmrouter.policy.classifier.reading import Reading
from llmrouter.policy.classifier.scores import CODE, REASONING, CustomCategory, Evidence

KEYWORD = 1.0
TOPIC = 0.75
DESCRIPTION = 0.55
EXAMPLE = 0.4
"""What a hit is worth, by where the word comes from. A user's keyword alone is just enough for a
short text."""

FADING = 0.8
"""Each further hit counts a little less than the one before."""

NEEDED = 0.58
NEEDED_PER_DOUBLING = 0.42
SHORT_WORDS = 16
"""A text of up to so many words needs `NEEDED`; each doubling of its length needs more, because
a topical word turns up in a long text by chance."""

CODE_RESISTANCE = 1.0
REASONING_RESISTANCE = 0.7
"""A text that is surely code or reasoning needs so much more: its topic is then only its
setting."""

CODE_MARKS = frozenset(("fence", "definition", "trace", "sql", "diff", "include", "dotted_call"))
CODE_MARK_RESISTANCE = 1.0
"""Code stays code whatever its names are about: `class Recipe` is no recipe."""

SHARPNESS = 3.0

_SUFFIXES = ("", "s", "es", "ed", "ing", "er", "n", "e")
_STEM_FROM = 5
_BOUND_VOTES = 1.0
_BOUND_SHARE = 0.45


class Match(Record):
    """Probabilities with the custom categories in them, and the evidence when one of them wins."""

    probabilities: Mapping[str, float]
    wins: bool
    evidence: tuple[Evidence, ...]


class Vocabulary(Record):
    """The words of one custom category with their worth, and the topics bound to it."""

    name: str
    whole: Mapping[str, float]
    beginnings: Mapping[str, float]
    topics: tuple[str, ...]

    def hits(self, reading: Reading) -> dict[str, float]:
        """Gives the text's words that speak for the category, each with its worth."""
        found: dict[str, float] = {}
        for topic in self.topics:
            for word in reading.concepts.get(topic, ()):
                found[word] = TOPIC
        for unit in (*reading.words.words, *reading.words.pairs, *reading.words.grams):
            worth = self.whole.get(unit, 0.0)
            for length in range(_STEM_FROM - 1, len(unit)):
                worth = max(worth, self.beginnings.get(unit[:length], 0.0))
            worth = max(worth, self.beginnings.get(unit, 0.0))
            if worth > found.get(unit, 0.0):
                found[unit] = worth
        return _without_overlaps(found)


def _without_overlaps(found: Mapping[str, float]) -> dict[str, float]:
    """Drops words that are part of a pair or a longer n-gram that hit too: they are one piece of
    evidence."""
    return {
        word: worth
        for word, worth in found.items()
        if not any(word != other and word in other and found[other] >= worth for other in found)
    }


class CustomMatcher(Record):
    """All custom categories of a configuration, ready to be matched."""

    vocabularies: tuple[Vocabulary, ...]

    @classmethod
    def build(cls, categories: Sequence[CustomCategory], lexicon: Lexicon) -> "CustomMatcher":
        """Prepares the categories' words; done once per configuration."""
        stop = lexicon.stop
        return cls(tuple(_vocabulary(category, lexicon, stop) for category in categories))

    def match(self, reading: Reading, base: Mapping[str, float]) -> Match | None:
        """Weighs the custom categories against the built-in ones; None when no word speaks for
        any."""
        needed = (
            NEEDED + CODE_RESISTANCE * base[CODE] ** 2 + REASONING_RESISTANCE * base[REASONING] ** 2
        )
        if not reading.marks.isdisjoint(CODE_MARKS):
            needed += CODE_MARK_RESISTANCE
        size = len(reading.words.words) + len(reading.words.grams) // 6
        needed += NEEDED_PER_DOUBLING * max(0.0, log2(max(size, 1) / SHORT_WORDS))
        odds: dict[str, float] = {}
        best: tuple[float, str, dict[str, float]] = (1.0, "", {})
        for vocabulary in self.vocabularies:
            hits = vocabulary.hits(reading)
            if not hits:
                continue
            strength = _strength(hits.values())
            odds[vocabulary.name] = exp(min(SHARPNESS * (strength - needed), 6.0))
            if odds[vocabulary.name] > best[0]:
                best = (odds[vocabulary.name], vocabulary.name, hits)
        if not odds:
            return None
        peak = max(base.values())
        total = sum(base.values()) + peak * sum(odds.values())
        probabilities = {name: value / total for name, value in base.items()}
        probabilities |= {v.name: peak * odds.get(v.name, 0.0) / total for v in self.vocabularies}
        _, winner, hits = best
        ranked = sorted(hits.items(), key=lambda item: (-item[1], item[0]))
        evidence = tuple(Evidence(f'"{w}"', winner, round(SHARPNESS * v, 3)) for w, v in ranked)
        return Match(probabilities, bool(winner), evidence)


def _strength(worths: Iterable[float]) -> float:
    """Gives the sum of the hits, each counting less than the one before."""
    total = 0.0
    factor = 1.0
    for worth in sorted(worths, reverse=True):
        total += worth * factor
        factor *= FADING
    return total


def _vocabulary(category: CustomCategory, lexicon: Lexicon, stop: frozenset[str]) -> Vocabulary:
    whole: dict[str, float] = {}
    beginnings: dict[str, float] = {}
    for keyword in category.keywords:
        _add(keyword, KEYWORD, whole, beginnings)
    terms = [word for word in _words(category.description) if word not in stop]
    for word in [*terms, *_words(category.name)]:
        _add(word, DESCRIPTION, whole, beginnings)
    for example in category.examples:
        for word in _words(example):
            if word not in stop and (len(word) > 3 or is_spaceless(word[0])):
                _add(word, EXAMPLE, whole, beginnings)
    return Vocabulary(category.name, whole, beginnings, _bound_topics(category, terms, lexicon))


def _words(text: str) -> list[str]:
    """Gives the words of a text; a run of a spaceless script counts as one word."""
    words = split(fold(window(text)))
    return [*words.words, *(gram for gram in words.grams if len(gram) == 2)]


def _add(term: str, worth: float, whole: dict[str, float], beginnings: dict[str, float]) -> None:
    """Adds a term: phrases as pairs, short words with their usual endings, longer ones as
    beginnings."""
    folded = fold(term).strip()
    if not folded:
        return
    if is_spaceless(folded[0]):
        whole[folded[:4]] = max(worth, whole.get(folded[:4], 0.0))
        return
    words = split(folded).words
    if len(words) > 1:
        # A phrase of three words or more is known by its pairs.
        for pair in (f"{a} {b}" for a, b in pairwise(words)):
            whole[pair] = max(worth / (len(words) - 1) ** 0.5, whole.get(pair, 0.0))
        return
    if len(folded) >= _STEM_FROM:
        stem = folded.rstrip("s") if len(folded) > _STEM_FROM else folded
        stem = stem[:-1] if stem[-1] in "aeiouy" and len(stem) > _STEM_FROM else stem
        beginnings[stem] = max(worth, beginnings.get(stem, 0.0))
        return
    for suffix in _SUFFIXES if len(folded) >= 3 else ("",):
        form = folded + suffix
        whole[form] = max(worth, whole.get(form, 0.0))


def _bound_topics(
    category: CustomCategory, terms: Sequence[str], lexicon: Lexicon
) -> tuple[str, ...]:
    """Gives the shipped topics that the category's own words belong to, the ones most spoken of."""
    votes: dict[str, float] = {}
    texts = [(category.name, 1.5), *((term, 0.6) for term in terms)]
    texts += [(keyword, 1.0) for keyword in category.keywords]
    for text, weight in texts:
        folded = fold(text)
        named = [topic for topic in lexicon.topics if topic == folded]
        found = lexicon.find(split(folded))
        topics = named or [concept for concept in found if concept in lexicon.topics]
        for topic in topics:
            votes[topic] = votes.get(topic, 0.0) + weight / len(topics)
    top = max(votes.values(), default=0.0)
    return tuple(
        sorted(t for t, v in votes.items() if v >= _BOUND_VOTES and v >= _BOUND_SHARE * top)
    )
