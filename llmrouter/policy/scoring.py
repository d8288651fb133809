"""How good classifications are, measured against labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from llmrouter.core.records import Record


class Judged(Record):
    """One classified text with its label; ``also`` are categories that are right, too."""

    category: str | None
    label: str
    also: tuple[str, ...] = ()


class CategoryScore(Record):
    """Of one category: how often it was the label, how often it was answered, how often both."""

    rows: int
    answered: int
    right: int

    @property
    def precision(self) -> float | None:
        """Right among answered; None when it was never answered."""
        return self.right / self.answered if self.answered else None

    @property
    def recall(self) -> float | None:
        """Right among its rows; None when it has none."""
        return self.right / self.rows if self.rows else None


class Score(Record):
    """The whole table.  ``accuracy`` counts the label alone, over rows with one right answer
    (``strict_rows``); ``lenient_accuracy`` takes every acceptable category, over all rows."""

    rows: int
    strict_rows: int
    accuracy: float | None
    lenient_accuracy: float | None
    macro_f1: float | None
    categories: Mapping[str, CategoryScore]
    confusion: Mapping[tuple[str, str], int]
    """By label and answer, wrong ones only."""


def score(judged: Sequence[Judged]) -> Score:
    """Accuracy, F1 and confusion of some classifications."""
    strict = [row for row in judged if not row.also]
    labels, answers = Counter(r.label for r in strict), Counter(r.category for r in strict)
    right = Counter(r.label for r in strict if r.category == r.label)
    categories = {
        name: CategoryScore(labels[name], answers[name], right[name])
        for name in sorted({*labels, *(a for a in answers if a is not None)})
    }
    lenient = sum(r.category in (r.label, *r.also) for r in judged)
    f1 = [_f1(categories[name]) for name in labels]
    return Score(
        rows=len(judged),
        strict_rows=len(strict),
        accuracy=right.total() / len(strict) if strict else None,
        lenient_accuracy=lenient / len(judged) if judged else None,
        macro_f1=sum(f1) / len(f1) if f1 else None,
        categories=categories,
        confusion=Counter((r.label, r.category or "none") for r in strict if r.category != r.label),
    )


def _f1(category: CategoryScore) -> float:
    answered_or_due = category.answered + category.rows
    return 2 * category.right / answered_or_due if answered_or_due else 0.0
