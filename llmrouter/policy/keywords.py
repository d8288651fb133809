"""The routing mode `keywords`: words, phrases and visible structure that speak for a category.

Deliberately simple: no network, no weights to train, and a reason for every answer that a person
can check.  Words count only whole, once each, whatever their case and accents; inside a phrase
that is known they do not count again, so that "Monty Python" is no Python.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from msgspec import field

from llmrouter.core.configuration import BUILT_IN_CATEGORIES
from llmrouter.core.records import Record
from llmrouter.policy.structure import STRUCTURE

HEAD_CHARACTERS: Final = 2500
TAIL_CHARACTERS: Final = 1500
"""Of a long text its beginning and its end are read: there people say what they want."""

THRESHOLD: Final = 1.0
"""A category needs this score; less evidence is none."""

WORD_WEIGHT: Final = 4.0
PHRASE_WEIGHT: Final = 5.0
"""For keywords that the built-in list does not weigh.  A person who writes down five words for a
category means them, so that each weighs as much as our strong ones."""

CATCH_ALL: Final = "conversation"
"""Takes what nothing else takes: its words hold back code and reasoning, not a person's own
category."""

SHORTEST_STEM: Final = 3
SHORTEST_PLURAL: Final = 5
EVIDENCE_SHOWN: Final = 8

_MARKS: Final = re.compile("[\u0300-\u036f\u200b-\u200d\u2060\ufeff]+")
# Scripts that are written without spaces: there a keyword is looked for anywhere.
_SPACELESS_RANGES: Final = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_SPACELESS: Final = re.compile(f"[{_SPACELESS_RANGES}]")
_WORD: Final = re.compile(rf"[^\W_{_SPACELESS_RANGES}]+(?:\+\+|#)?")

Votes = tuple[tuple[str, float], ...]
"""Categories with the weight that speaks for each."""


class Weights(Record):
    """The built-in list: the weight of each keyword by category, and phrases that mean nothing
    though their words do."""

    by_category: Mapping[str, Mapping[str, float]]
    meaningless: tuple[str, ...]

    def keywords(self, category: str) -> tuple[str, ...]:
        """The plain words of a category, for the built-in document."""
        return tuple(self.by_category.get(category, ()))


class KeywordResult(Record):
    """What the words say: no category when they say nothing.

    ``confidence`` is between 0 and 1; ``evidence`` lists what spoke for the category, the
    weightiest first.
    """

    category: str | None
    scores: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    confidence: float = 0.0


class KeywordClassifier:
    """The categories' keywords, compiled once for a configuration version."""

    def __init__(self, categories: Mapping[str, Sequence[str]], weights: Weights) -> None:
        """``categories`` maps names to keywords; a trailing ``*`` stands for any ending."""
        self.categories = categories
        own = {name: words for name, words in categories.items() if name in BUILT_IN_CATEGORIES}
        added = {name: words for name, words in categories.items() if name not in own}
        self._added = frozenset(added)
        # Apart from each other, so that a long phrase of ours swallows no word of a person's own.
        self._indexes = (
            _Index(own, weights),
            *((_Index(added, Weights({}, weights.meaningless)),) if added else ()),
        )
        self._structure = tuple(mark for mark in STRUCTURE if mark.category in categories)

    def classify(self, text: str) -> KeywordResult:
        """The category that the text's words and structure speak for."""
        if len(text) > HEAD_CHARACTERS + TAIL_CHARACTERS:
            text = f"{text[:HEAD_CHARACTERS]}\n{text[-TAIL_CHARACTERS:]}"
        folded = fold_text(text)
        found: list[tuple[str, Votes]] = [
            (mark.label, ((mark.category, mark.weight),))
            for mark in self._structure
            if mark.shows_in(text, folded)
        ]
        words = _WORD.findall(folded)
        for index in self._indexes:
            phrases = dict.fromkeys(index.matches(words, folded))
            found += [(phrase.label, phrase.votes) for phrase in phrases]
        return self._decided(found)

    def _decided(self, found: Sequence[tuple[str, Votes]]) -> KeywordResult:
        scores: dict[str, float] = {}
        for _, votes in found:
            for category, weight in votes:
                scores[category] = scores.get(category, 0.0) + weight
        contenders = [category for category in scores if scores[category] >= THRESHOLD]
        if not contenders:
            return KeywordResult(None, scores)
        best = min(contenders, key=lambda category: self._precedence(category, scores))
        if best == CATCH_ALL:
            added = [category for category in contenders if category in self._added]
            best = max(added, key=scores.__getitem__, default=best)
        spoke = sorted(
            (
                (-weight, label)
                for label, votes in found
                for category, weight in votes
                if category == best
            ),
        )
        return KeywordResult(
            best,
            scores,
            tuple(label for _, label in spoke[:EVIDENCE_SHOWN]),
            round(scores[best] / (sum(scores.values()) + 1.0), 3),
        )

    def _precedence(self, category: str, scores: Mapping[str, float]) -> tuple[float, int]:
        """The higher score first; of equal ones code, reasoning, a person's own, small talk."""
        order = {"code": 0, "reasoning": 1, CATCH_ALL: 3, "tools": 4}
        return (-scores[category], order.get(category, 2))


@dataclass(slots=True, eq=False)
class _Phrase:
    """A keyword in its folded words after the first; an index has each once."""

    label: str
    rest: tuple[str, ...]
    is_stem: bool
    votes: Votes

    @property
    def words(self) -> int:
        return 1 + len(self.rest)


class _Index:
    """Keywords by their first word, so that a text is gone through once."""

    def __init__(self, categories: Mapping[str, Sequence[str]], weights: Weights) -> None:
        self._heads: dict[str, list[_Phrase]] = {}
        self._stems: dict[str, _Phrase] = {}
        self._anywhere: list[_Phrase] = []
        for label, votes in _votes(categories, weights).items():
            self._add(label, votes)
        for phrases in self._heads.values():
            phrases.sort(key=lambda phrase: -phrase.words)  # the longest is tried first
        self._stem_lengths = sorted({len(stem) for stem in self._stems}, reverse=True)

    def matches(self, words: Sequence[str], folded: str) -> Iterator[_Phrase]:
        """Each keyword where it stands; words of a longer match are not matched again."""
        position = 0
        while position < len(words):
            phrase = self._at(words, position)
            if phrase is None:
                position += 1
                continue
            yield phrase
            position += phrase.words
        for phrase in self._anywhere:
            if phrase.label in folded:
                yield phrase

    def _add(self, label: str, votes: Votes) -> None:
        is_stem = label.endswith("*")
        words = _WORD.findall(label)
        if _SPACELESS.search(label):
            self._anywhere.append(_Phrase(label.rstrip("*"), (), False, votes))
        elif is_stem and len(words) == 1:
            if len(words[0]) >= SHORTEST_STEM:
                self._stems[words[0]] = _Phrase(label, (), True, votes)
        elif words:
            phrase = _Phrase(label, tuple(words[1:]), is_stem, votes)
            self._heads.setdefault(words[0], []).append(phrase)

    def _at(self, words: Sequence[str], position: int) -> _Phrase | None:
        """The longest keyword that begins at this word; a plain plural counts as its singular."""
        word = words[position]
        for phrase in self._heads.get(word, ()):
            if not phrase.rest or _continues(words, position + 1, phrase):
                return phrase
        if word[-1] == "s" and len(word) >= SHORTEST_PLURAL:
            for phrase in self._heads.get(word[:-1], ()):
                if not phrase.rest:
                    return phrase
        for length in self._stem_lengths:
            if length <= len(word) and (stem := self._stems.get(word[:length])) is not None:
                return stem
        return None


def load_weights() -> Weights:
    """The built-in list, read from the package."""
    source = resources.files("llmrouter.policy") / "data" / "keywords.json"
    document = json.loads(source.read_text("utf-8"))
    grades: dict[str, float] = document["grades"]
    by_category = {
        category: {
            keyword: grades[grade]
            for keywords_by_grade in languages.values()
            for grade, keywords in keywords_by_grade.items()
            for keyword in keywords
        }
        for category, languages in document["categories"].items()
    }
    return Weights(by_category, tuple(document["meaningless"]))


def fold_text(text: str) -> str:
    """Lower case, without accents and invisible characters."""
    lowered = text.lower()
    if lowered.isascii():
        return lowered
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", lowered)).replace("œ", "oe")
    return unicodedata.normalize("NFC", plain)  # Korean syllables and Japanese kana whole again


def _votes(categories: Mapping[str, Sequence[str]], weights: Weights) -> dict[str, Votes]:
    """Every keyword once, folded, with all categories that have it."""
    votes: dict[str, dict[str, float]] = {
        fold_text(phrase).strip(): {} for phrase in weights.meaningless
    }
    for category, keywords in categories.items():
        known = weights.by_category.get(category, {})
        for keyword in keywords:
            folded = fold_text(keyword).strip()
            weight = known.get(keyword) or _default_weight(folded)
            voted = votes.setdefault(folded, {})
            voted[category] = max(weight, voted.get(category, 0.0))
    return {label: tuple(voted.items()) for label, voted in votes.items()}


def _default_weight(folded: str) -> float:
    return PHRASE_WEIGHT if len(_WORD.findall(folded)) > 1 else WORD_WEIGHT


def _continues(words: Sequence[str], start: int, phrase: _Phrase) -> bool:
    """Whether the phrase's other words follow; of a stem the last needs only begin so."""
    last = start + len(phrase.rest) - 1
    if last >= len(words) or (words[start] != phrase.rest[0] and not phrase.is_stem):
        return False
    if not phrase.is_stem:
        return tuple(words[start : last + 1]) == phrase.rest
    begins = words[last].startswith(phrase.rest[-1])
    return begins and tuple(words[start:last]) == phrase.rest[:-1]
