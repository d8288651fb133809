"""The rows that weights are trained on: read, filtered by licence, weighted, grouped by source."""

import json
from dataclasses import dataclass
from pathlib import Path

from training.own import own_rows

SHARE_ALIKE = "CC-BY-SA"
"""Rows under a share-alike licence are left out of training: their conditions could pass on to
the weights."""

EXTRA_WEIGHT = 0.3
"""Weakly labelled rows: the category follows from the source, nobody read them."""

GREY_WEIGHT = 0.4
"""Rows for which more than one category is acceptable."""

TURN_WEIGHT = 0.5
"""Later turns of a conversation: their own text often says only half of what is asked."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled prompt."""

    text: str
    context: tuple[str, ...]
    category: str
    also: tuple[str, ...]
    source: str
    language: str
    licence: str
    slice: str
    weight: float

    @property
    def family(self) -> str:
        """The source with its siblings: what is held out together."""
        return family_of(self.source)

    @property
    def is_shareable(self) -> bool:
        """Whether shipped weights may be trained on the row."""
        return not self.licence.startswith(SHARE_ALIKE)

    @property
    def is_trained(self) -> bool:
        """Whether weights are trained on the row: shareable, and to be judged by its own text."""
        return self.is_shareable and self.slice != "followup_stay"


def family_of(source: str) -> str:
    """Gives the family of a source: `agieval-math` and `agieval-aqua-rat` are one."""
    for family in ("agieval", "self-instruct", "chatterbot", "clinc", "diff", "own-"):
        if source.startswith(family):
            return family
    return source


def user_texts(messages: list[dict[str, str]]) -> tuple[str, tuple[str, ...]]:
    """Gives the last user text and the earlier ones."""
    texts = [message["content"] for message in messages if message["role"] == "user"]
    return texts[-1], tuple(texts[:-1])


def read_rows(path: Path, weight: float) -> list[Row]:
    """Reads a JSONL file of labelled prompts."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        text, context = user_texts(document["messages"])
        also = tuple(document["also"])
        rows.append(
            Row(
                text=text,
                context=context,
                category=document["category"],
                also=also,
                source=document["source"],
                language=document["lang"],
                licence=document["licence"],
                slice=document["slice"],
                weight=weight * (GREY_WEIGHT if also else 1.0) * (TURN_WEIGHT if context else 1.0),
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class Data:
    """`dev` rows are scored when their source is held out; `extra` and `own` rows are only
    trained on."""

    dev: list[Row]
    extra: list[Row]
    own: list[Row]


def read_data(folder: Path) -> Data:
    """Reads the development data, and the rows made here."""
    return Data(
        dev=read_rows(folder / "dev.jsonl", 1.0),
        extra=read_rows(folder / "train-extra.jsonl", EXTRA_WEIGHT),
        own=[
            Row(text, (), category, (), source, language, "MIT", "made", weight)
            for source, language, category, text, weight in own_rows()
        ],
    )
