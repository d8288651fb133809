"""Rows made for this project: prompts written by hand (`rows/`), and joined by rule."""

from collections.abc import Iterator
from pathlib import Path

from llmrouter.policy.classifier.scores import CATEGORIES, CODE, CONVERSATION

FOLDER = Path(__file__).resolve().parent / "rows"

HAND_WEIGHT = 1.0
"""Rows written by hand are short, clear and in languages with few others: they count as the checked
ones do."""

RULE_WEIGHT = 0.3
"""Rows joined by rule repeat themselves: they count as the weakly labelled ones do."""

STRIDE = 7
"""Each piece meets every seventh partner, starting one further each time: all are used, few
twice."""


def own_rows() -> Iterator[tuple[str, str, str, str, float]]:
    """Gives source, language, category, text and weight of each row."""
    for category in CATEGORIES:
        for line in _lines(category):
            language, _, text = line.partition("\t")
            yield "own-hand", language, category, text, HAND_WEIGHT
    yield from _joined(_lines("snippets"), _lines("snippet_questions"), CODE)
    passages = [line.partition("\t")[2] for line in _lines("passages")]
    yield from _joined(passages, _lines("textwork"), CONVERSATION)


def _joined(
    pieces: list[str], asks: list[str], category: str
) -> Iterator[tuple[str, str, str, str, float]]:
    """Joins each piece with some asks; code stands before or after its question, text after."""
    for start, piece in enumerate(pieces):
        text = piece.replace("\\n", "\n")
        for ask in asks[start % STRIDE :: STRIDE]:
            language, _, question = ask.partition("\t")
            follows = category == CONVERSATION or start % 2
            joined = f"{question}\n{text}" if follows else f"{text}\n{question}"
            yield "own-rule", language, category, joined, RULE_WEIGHT


def _lines(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("# ")]
