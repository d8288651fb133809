"""When not to be sure: texts that the model has no ground to judge, or that tell it what to
answer."""

import re

from llmrouter.policy.classifier.reading import FOLLOWUP, Reading
from llmrouter.policy.classifier.weights import Weight

PRIOR: Weight = (0.25, 0.25, 0.5)
"""What is believed of a text that says nothing: conversation is the default category."""

_NAMES = r"[\"'`]?(?:code|coding|reasoning|conversation)\b"
_COMMANDS = re.compile(
    r"\b(?:classif\w+|categori[sz]e|label|route|treat|mark)\b.{0,40}\b(?:as|to|under)\s+(?:an? )?"
    rf"{_NAMES}"
    r"|\b(?:this|it|that) is (?:just |only |purely |not )?(?:an? )?(?:conversation|reasoning)\b"
    r"|\b(?:this|it|that) is (?:just|only|purely|not) (?:an? )?cod(?:e|ing)\b"
    rf"|\bcategory\s*[:=]\s*{_NAMES}"
    r"|\bignore (?:all |the |any |every |my )?(?:code|previous|above|prior|instructions?)\b"
    rf"|\b(?:answer|respond|reply|output|say) (?:only )?(?:with )?{_NAMES}[\"'`]?\s*(?:[.!]|$)"
)

_COMMAND_WORDS = ("code", "coding", "reasoning", "conversation", "ignore")
"""One of these must be there before the pattern is tried."""

COMMAND_CHARACTERS = 600

_SPEAKING_MARKS = frozenset(
    ("fence", "call", "trace", "sql", "tex", "arithmetic", "algebra", "shell", "log_line", "markup")
)

COMMANDED = 0.55
WORDLESS = 0.9
UNKNOWN = 0.5
THIN = 0.35
"""Doubts, chosen so that none of these texts reaches the confidence at which hybrid mode stops
asking."""

KNOWN_SHARE = 0.12
"""Under this share of known units a text is in a language, or of a kind, that training never
saw."""


def doubt_of(reading: Reading, known: int) -> float:
    """Gives how little the scores of a text are to be believed: 0 as they are, 1 not at all."""
    if not reading.units or "wordless" in reading.marks:
        return WORDLESS
    head = reading.folded[:COMMAND_CHARACTERS]
    if any(word in head for word in _COMMAND_WORDS) and _COMMANDS.search(head):
        return COMMANDED
    if reading.concepts:
        return 0.0
    if known < KNOWN_SHARE * len(reading.units):
        return UNKNOWN
    return THIN if known < 2 else 0.0


def temper(probabilities: Weight, doubt: float) -> Weight:
    """Gives the probabilities mixed with the prior, by doubt."""
    first, second, third = (
        (1 - doubt) * probability + doubt * prior
        for probability, prior in zip(probabilities, PRIOR, strict=True)
    )
    return first, second, third


FRAGMENT_CHARACTERS = 60
WHY_CHARACTERS = 40
"""Only texts up to these lengths are taken for fragments, or for a "why?" about what was just
said."""

FRAGMENT = 0.5
LEANING = 0.7
"""What a fragment's own scores count, and those of a text that names one subject but points
back."""

_EMPTY_CONCEPTS = frozenset(("followup", "thanks", "why", "you", "fact"))
"""Concepts that a text may name without saying what it is about: "why?", "are you sure?"."""


def standing_of(reading: Reading) -> float:
    """Gives how far a text stands without its conversation: 1 for one that says what it is
    about."""
    if len(reading.folded) > FRAGMENT_CHARACTERS or not reading.marks.isdisjoint(_SPEAKING_MARKS):
        return 1.0
    concepts = reading.concepts.keys()
    follows = FOLLOWUP in concepts
    subjects = concepts - _EMPTY_CONCEPTS
    if not subjects and (follows or "you" not in concepts):
        return FRAGMENT
    asks_why = "why" in concepts and len(reading.folded) <= WHY_CHARACTERS
    return LEANING if len(subjects) <= 1 and (follows or asks_why) else 1.0
