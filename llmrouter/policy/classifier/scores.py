"""What the local classifier answers: probabilities, and the evidence that carried them."""

from collections.abc import Mapping
from math import exp

from llmrouter.core.records import Record

CODE = "code"
REASONING = "reasoning"
CONVERSATION = "conversation"
CATEGORIES = (CODE, REASONING, CONVERSATION)
"""The categories with trained weights, in the order of the weights file. `tools` follows from a
request's shape."""

CONTINUITY_CHARACTERS = 120
"""After so many characters of new text an earlier turn counts 1/e (the value that a trial
found)."""


class Evidence(Record):
    """A word or feature that spoke for a category; `weight` is what it added to the category's
    log-odds."""

    feature: str
    category: str
    weight: float


class Scores(Record):
    """Calibrated probabilities by category (they sum to 1), and the strongest evidence for the
    winner.

    `standing` is how far the text stands on its own, 0 to 1: "and in Go?" hardly does. Only
    `blend` reads it.
    """

    probabilities: Mapping[str, float]
    evidence: tuple[Evidence, ...]
    standing: float = 1.0


class CustomCategory(Record):
    """A category that exists only by its user's words."""

    name: str
    description: str
    keywords: tuple[str, ...]
    examples: tuple[str, ...]


def blend(previous: Mapping[str, float], current: Scores, characters: int) -> Scores:
    """Gives the scores of a turn with its conversation's earlier turns in mind.

    The previous probabilities are added, weighted by exp(-characters/120): a short follow-up
    keeps the category, a longer text speaks for itself, a fragment that needs its conversation
    (`standing`) less so. Categories that exist only on one side keep that side's share.
    """
    weight = exp(-max(characters, 0) / CONTINUITY_CHARACTERS)
    names = [*current.probabilities, *(n for n in previous if n not in current.probabilities)]
    sums = {
        name: current.standing * current.probabilities.get(name, 0.0)
        + weight * previous.get(name, 0.0)
        for name in names
    }
    total = sum(sums.values())
    return Scores({name: value / total for name, value in sums.items()}, current.evidence)
