"""One text, read: the features that the weights speak about."""

from llmrouter.core.records import Record
from llmrouter.policy.classifier.features import Words, fold, split, units, window
from llmrouter.policy.classifier.lexicon import Lexicon
from llmrouter.policy.classifier.marks import marks

FOLLOWUP = "followup"
FOLLOWUP_CHARACTERS = 60
"""Words such as "again" or "and" point to an earlier turn only in a short text."""

_HITS = (2, 4)
"""A concept named twice, or four times, says more than one named once."""

_CROSSED_MARKS = frozenset(
    ("fence", "sql", "options", "tex", "arithmetic", "algebra", "question_end", "currency")
)


class Reading(Record):
    """The features of one text: named ones (`!mark`, `@concept`), units, and what they were
    found by."""

    named: tuple[str, ...]
    units: tuple[str, ...]
    concepts: dict[str, list[str]]
    words: Words
    marks: frozenset[str]
    folded: str


def read(text: str, lexicon: Lexicon) -> Reading:
    """Reads a text; any string can be read."""
    seen = window(text)
    folded = fold(seen)
    words = split(folded)
    found_marks = marks(seen)
    concepts = lexicon.find(words)
    if len(folded) > FOLLOWUP_CHARACTERS:
        concepts.pop(FOLLOWUP, None)
    named = ["!" + mark for mark in found_marks]
    names = sorted(concepts)
    for name in names:
        named.append("@" + name)
        hits = len(concepts[name])
        named += [f"@{name}:{bound}" for bound in _HITS if hits >= bound]
    base = [name for name in names if name not in lexicon.topics]
    named += [f"@{a}&@{b}" for i, a in enumerate(base) for b in base[i + 1 :]]
    crossed = [mark for mark in found_marks if mark in _CROSSED_MARKS]
    named += [f"!{mark}&@{name}" for mark in crossed for name in base]
    lengths = [mark for mark in found_marks if mark.startswith("length:")]
    named += [f"@{name}&!{length}" for length in lengths for name in base]
    return Reading(
        tuple(named), tuple(units(words)), concepts, words, frozenset(found_marks), folded
    )
