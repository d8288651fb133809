"""What the classifier sees of a text: words, marks of structure, and concepts.

Three kinds of features, all of them plain strings, so that a decision can be explained by naming
them:

- *units*: words, word pairs, word beginnings of five letters, and for scripts written without
  spaces character n-grams of one to three;
- *marks*: what a text looks like whatever its language (a fence, a stack trace, a formula,
  answer options);
- *concepts*: what the lexicon knows a word to be about (`program`, `greeting`), alone and in
  pairs.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from llmrouter.core.records import Record

HEAD_CHARACTERS = 1300
TAIL_CHARACTERS = 500
"""Of a long text the beginning (the instruction) and the end (the question) are read: 99 of 100
development prompts whole, and a pasted log in the same time as a long prompt."""

STEM_LENGTH = 5
"""Word beginnings of five letters stand for a stemmer; four merge too much, six too little
(cross-validated)."""

_SPACELESS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(
    rf"[{_SPACELESS}]+|[a-z\u00b5\u00df-\u02af\u0370-\u0dff\u0e80-\u1fff\u2c00-\u2dff\ua640-\uabff\ufb00-\ufdff\ufe70-\ufefc]+|[0-9]+"
)
_FIRST_SPACELESS = "\u0e00"


def _foldings() -> dict[int, str]:
    """Folds accents, width and letter variants, so that a word typed carelessly is the same
    word."""
    table: dict[int, str] = {}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00), *range(0xFF01, 0xFF5F)):
        plain = "".join(
            c
            for c in unicodedata.normalize("NFKD", chr(code).lower())
            if not unicodedata.combining(c)
        )
        if plain and plain != chr(code):
            table[code] = plain
    table |= {
        ord(a): b
        for a, b in zip("øłđıßæœ×÷", ["o", "l", "d", "i", "ss", "ae", "oe", "*", "/"], strict=True)
    }
    table |= {0x451: "\u0435", 0x457: "\u0456", 0x491: "\u0433"}
    # Arabic writers mix the forms of alef, yeh and teh marbuta freely.
    table |= {0x623: "\u0627", 0x625: "\u0627", 0x622: "\u0627", 0x649: "\u064a", 0x629: "\u0647"}
    table |= {
        ord(a): b for a, b in zip("،؛؟।。、：；？！「」『』（）", ',;?..,:;?!""""()', strict=True)
    }
    # Arabic-Indic, Persian and Devanagari digits.
    for zero in (0x660, 0x6F0, 0x966):
        table |= {zero + digit: str(digit) for digit in range(10)}
    # Vowel points, tatweel, joiners, direction marks and other characters that nobody sees.
    for code in (
        *range(0x300, 0x370),
        *range(0x591, 0x5C8),
        *range(0x64B, 0x660),
        0x640,
        0xAD,
        0xFEFF,
    ):
        table[code] = ""
    for code in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)):
        table[code] = ""
    return table


_FOLDINGS = _foldings()


def window(text: str) -> str:
    """Gives the part that is read: all of it, or head and tail of a long one."""
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return text[:HEAD_CHARACTERS] + "\n" + text[-TAIL_CHARACTERS:]


def fold(text: str) -> str:
    """Gives the text in lower case, without accents and invisible characters."""
    return text.lower() if text.isascii() else text.lower().translate(_FOLDINGS)


class Words(Record):
    """A text taken apart: distinct words, word pairs, and character n-grams of spaceless scripts.

    `line` is all words in order, repetitions included, joined and enclosed by spaces."""

    words: tuple[str, ...]
    pairs: tuple[str, ...]
    grams: tuple[str, ...]
    line: str


def split(folded: str) -> Words:
    """Takes folded text apart."""
    runs = _TOKEN.findall(folded)
    words: list[str] = []
    grams: list[str] = []
    for run in runs:
        if run < "a":
            words.append("#" if len(run) < 4 else "####")
        elif run < _FIRST_SPACELESS or not is_spaceless(run[0]):
            words.append(run[:24])
        else:
            grams += run
            grams += [a + b for a, b in pairwise(run)]
            grams += [run[i : i + 3] for i in range(len(run) - 2)]
            grams += [run[i : i + 4] for i in range(len(run) - 3)]
    # The start is a word of its own: "write a" opens a request more often than it occurs in one.
    pairs = [a + " " + b for a, b in pairwise(["^", *words])]
    return Words(
        tuple(dict.fromkeys(words)),
        tuple(dict.fromkeys(pairs)),
        tuple(dict.fromkeys(grams)),
        f" {' '.join(words)} ",
    )


def is_spaceless(character: str) -> bool:
    """Tells whether a character belongs to a script read by n-grams: Han, kana, Hangul, Thai."""
    return (
        "\u3040" <= character <= "\u9fff"
        or "\uac00" <= character <= "\ud7af"
        or "\u0e00" <= character <= "\u0e7f"
        or "\uf900" <= character <= "\ufaff"
    )


def units(words: Words) -> list[str]:
    """Gives the word features; stems end in `~`, so that they are never taken for words."""
    stems = {word[:STEM_LENGTH] + "~" for word in words.words if len(word) > STEM_LENGTH}
    return [*words.words, *words.pairs, *words.grams, *sorted(stems)]


def crossed(names: Iterable[str]) -> list[str]:
    """Gives the names and each pair of them, `a&b` in the order given."""
    single = list(names)
    return single + [f"{a}&{b}" for i, a in enumerate(single) for b in single[i + 1 :]]
