"""The multilingual lexicon: which concepts a text speaks of, whatever its language.

A concept is a name (`software`, `greeting`, `kitchen`) with words of many languages. It lets
what is learned from the languages with many examples hold for those with few, and it lends its
words to custom categories. The format of the word lists is described in `words/programming.txt`.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from types import MappingProxyType

from msgspec import field

from llmrouter.core.records import Record
from llmrouter.policy.classifier.features import Words, fold, is_spaceless

BASE_FILES = ("programming.txt", "reasoning.txt", "everyday.txt")
TOPIC_FILES = ("topics.txt", "topics_more.txt", "topics_daily.txt", "topics_free.txt")
STOP_FILE = "stop.txt"
"""Concepts of the base files are features of the three categories; topics serve them and custom
categories."""

_PREFIX_LENGTH = 5
"""Entries of this length or more match as beginnings, so that endings (plurals, cases) need no
entries."""

_SPACELESS_LENGTH = 4
"""Entries of spaceless scripts are known by their first four characters; longer n-grams would
cost time."""

_WORDS_KEPT = 8_192
"""About a megabyte."""

_ARTICLES = ("وال", "بال", "لل", "ال", "و")
_HEBREW_PREFIXES = "והבלמשכ"


class Entries(Record):
    """The words of one concept in one language, folded: whole words and pairs, beginnings,
    spaceless n-grams."""

    whole: frozenset[str]
    beginnings: frozenset[str]
    spaceless: frozenset[str]


class Lexicon(Record):
    """All concepts, indexed by word."""

    topics: frozenset[str]
    stop: frozenset[str]
    _whole: Mapping[str, tuple[str, ...]]
    _longer: Mapping[str, tuple[str, ...]]
    _beginnings: Mapping[str, tuple[str, ...]]
    _beginning_lengths: tuple[int, ...]
    _spaceless: Mapping[str, tuple[str, ...]]
    _read: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What was found of words lately: a language's few hundred common ones are most of any text."""

    def find(self, words: Words) -> dict[str, list[str]]:
        """Gives the concepts spoken of, each with the words that say so, in order of appearance."""
        found: dict[str, list[str]] = {}
        read = self._read
        for word in words.words:
            concepts = read.get(word)
            if concepts is None:
                if len(read) >= _WORDS_KEPT:
                    read.clear()
                concepts = read[word] = self._of_word(word)
            for concept in concepts:
                found.setdefault(concept, []).append(word)
        whole = self._whole
        for pair in words.pairs:
            for concept in whole.get(pair, ()):
                found.setdefault(concept, []).append(pair)
            for phrase in self._longer.get(pair, ()):
                if f" {phrase} " in words.line:
                    for concept in whole[phrase]:
                        found.setdefault(concept, []).append(phrase)
        spaceless = self._spaceless
        for gram in words.grams:
            for concept in spaceless.get(gram, ()):
                found.setdefault(concept, []).append(gram)
        return found

    def _of_word(self, word: str) -> tuple[str, ...]:
        hits = self._of_form(word)
        if not hits and len(word) > 3 and "\u0590" <= word[0] <= "\u06ff":
            for bare in _without_prefixes(word):
                hits = self._of_form(bare)
                if hits:
                    break
        return hits

    def _of_form(self, word: str) -> tuple[str, ...]:
        hits = self._whole.get(word, ())
        beginnings = self._beginnings
        for length in self._beginning_lengths:
            if length > len(word):
                break
            more = beginnings.get(word[:length])
            if more:
                hits += tuple(concept for concept in more if concept not in hits)
        return hits


def _without_prefixes(word: str) -> Iterator[str]:
    """Gives an Arabic word without its article, a Hebrew one without one or two of its
    one-letter prefixes."""
    for article in _ARTICLES:
        if word.startswith(article):
            yield word[len(article) :]
            return
    if word[0] in _HEBREW_PREFIXES:
        yield word[1:]
        if word[1] in _HEBREW_PREFIXES:
            yield word[2:]


def read_entries(text: str) -> Iterator[tuple[str, str, Entries]]:
    """Gives concept, language and words for each line of a word list."""
    concept = ""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            concept = line[1 : line.index("]")]
            continue
        language, _, entries = line.partition(" ")
        yield concept, language, _sort_entries(entries.split())


def _sort_entries(entries: Iterable[str]) -> Entries:
    whole: set[str] = set()
    beginnings: set[str] = set()
    spaceless: set[str] = set()
    for entry in entries:
        word = fold(entry.rstrip(".*")).replace("_", " ")
        if is_spaceless(word[0]):
            spaceless.add(word[:_SPACELESS_LENGTH])
        elif " " in word:
            whole.add(word)
        elif entry.endswith("*") or (len(word) >= _PREFIX_LENGTH and not entry.endswith(".")):
            beginnings.add(word)
        else:
            whole.add(word)
    return Entries(frozenset(whole), frozenset(beginnings), frozenset(spaceless))


def read_file(name: str) -> str:
    """Gives a packaged word list."""
    return resources.files(__package__).joinpath("words", name).read_text(encoding="utf-8")


def _read_stop_words() -> frozenset[str]:
    lines = (line.split() for line in read_file(STOP_FILE).splitlines() if line[:1].islower())
    return frozenset(word for words in lines for word in words[1:])


def load_lexicon(files: Iterable[str] = (*BASE_FILES, *TOPIC_FILES)) -> Lexicon:
    """Reads the packaged word lists."""
    whole: dict[str, tuple[str, ...]] = {}
    beginnings: dict[str, tuple[str, ...]] = {}
    spaceless: dict[str, tuple[str, ...]] = {}
    topics: set[str] = set()
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}  # a few hundred stand for all the words
    for name in files:
        for concept, _, entries in read_entries(read_file(name)):
            if name in TOPIC_FILES:
                topics.add(concept)
            for index, words in (
                (whole, entries.whole),
                (beginnings, entries.beginnings),
                (spaceless, entries.spaceless),
            ):
                for word in words:
                    known = index.get(word, ())
                    if concept not in known:
                        concepts = (*known, concept)
                        index[word] = shared.setdefault(concepts, concepts)
    longer: dict[str, tuple[str, ...]] = {}
    for phrase in whole:
        first, second, rest = (*phrase.split(" ", 2), "", "")[:3]
        if rest:
            opening = f"{first} {second}"
            longer[opening] = (*longer.get(opening, ()), phrase)
    return Lexicon(
        topics=frozenset(topics),
        stop=_read_stop_words(),
        _whole=MappingProxyType(whole),
        _longer=MappingProxyType(longer),
        _beginnings=MappingProxyType(beginnings),
        _beginning_lengths=tuple(sorted({len(word) for word in beginnings})),
        _spaceless=MappingProxyType(spaceless),
    )
