"""Measures held-out classifiers the way requests meet them: through the run-time code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmrouter.policy.classifier import CustomCategory, LocalClassifier
from training.dataset import Row, family_of, user_texts

UNSEEN = "own"
"""Custom rows from a source that no fold holds out are scored by the fold of this family: it
trains on the least."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row and what was said of it."""

    row: Row
    said: str
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the answer is the label."""
        return self.said == self.row.category

    @property
    def is_accepted(self) -> bool:
        """Whether the answer is the label, or one that is acceptable too."""
        return self.is_right or self.said in self.row.also


def judge(rows: Sequence[Row], classifiers: Mapping[str, LocalClassifier]) -> list[Outcome]:
    """Scores each row by the classifier that never saw its family, the conversation as context."""
    outcomes = []
    for row in rows:
        scores = classifiers[row.family].score(row.text, row.context)
        said = max(scores.probabilities, key=scores.probabilities.__getitem__)
        outcomes.append(Outcome(row, said, scores.probabilities[said]))
    return outcomes


def accuracy(outcomes: Sequence[Outcome]) -> float:
    """Gives the share of right answers."""
    return sum(outcome.is_right for outcome in outcomes) / max(len(outcomes), 1)


def macro_f1(outcomes: Sequence[Outcome], categories: Sequence[str]) -> float:
    """Gives the mean of the categories' F1."""
    total = 0.0
    for category in categories:
        both = sum(o.said == category == o.row.category for o in outcomes)
        either = sum((o.said == category) + (o.row.category == category) for o in outcomes)
        total += 2 * both / max(either, 1)
    return total / len(categories)


@dataclass(frozen=True, slots=True)
class CustomOutcome:
    """One row of the custom data and what was said of it."""

    setup: str
    text: str
    wanted: str
    said: str
    language: str
    source: str


def judge_custom(
    folder: Path, classifiers: Mapping[str, LocalClassifier]
) -> tuple[list[CustomOutcome], frozenset[str]]:
    """Scores the custom data; gives the outcomes and the names of the custom categories."""
    setups: dict[str, list[CustomCategory]] = {}
    documents = json.loads((folder / "custom-dev-categories.json").read_text(encoding="utf-8"))
    for setup, categories in documents.items():
        setups[setup] = [
            CustomCategory(c["name"], c["description"], tuple(c["keywords"]), ())
            for c in categories
        ]
    ready: dict[tuple[str, str], LocalClassifier] = {}
    outcomes = []
    for line in (folder / "custom-dev.jsonl").read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        text, context = user_texts(document["messages"])
        family = family_of(document["source"])
        key = (document["setup"], family if family in classifiers else UNSEEN)
        if key not in ready:
            ready[key] = classifiers[key[1]].with_custom(setups[key[0]])
        scores = ready[key].score(text, context)
        said = max(scores.probabilities, key=scores.probabilities.__getitem__)
        outcomes.append(
            CustomOutcome(key[0], text, document["category"], said, document["lang"], family)
        )
    return outcomes, frozenset(c.name for categories in setups.values() for c in categories)
