"""What the name of a Gemini model says of it.

Levels and budgets: the guide of the gemini_ex library (hexdocs.pm/gemini_ex/0.11.0), which quotes
Google's; that calls must be signed since Gemini 3:
https://ai.google.dev/gemini-api/docs/thought-signatures.  Read 2026-11-21.
"""

from __future__ import annotations

import re
from typing import Literal

from llmrouter.core.records import Record

_NAME = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_FIRST_WITH_BUDGETS = (2, 5)
_FIRST_WITH_LEVELS = (3, 0)

ThinkingLevel = Literal["minimal", "low", "medium", "high"]


class Budget(Record):
    """How many tokens of thinking a model takes; ``can_be_zero`` turns it off."""

    least_tokens: int
    most_tokens: int
    can_be_zero: bool


class ModelFacts(Record):
    """A model thinks by ``levels``, by ``budget``, or (neither) not at all.

    ``signs_calls``: a function call without its signature is refused.  ``nests_media``: a function
    response may hold pictures.  ``json_with_tools``: JSON output and tools go together.
    """

    levels: tuple[ThinkingLevel, ...] = ()
    budget: Budget | None = None
    signs_calls: bool = False
    nests_media: bool = False
    json_with_tools: bool = False


def model_facts(model: str) -> ModelFacts:
    """The facts; a name that says nothing stands for one of the newest models."""
    found = _NAME.search(model)
    if found is None and "gemma" in model:
        return ModelFacts()
    generation = (int(found[1]), int(found[2] or 0)) if found else (4, 0)
    if generation >= _FIRST_WITH_LEVELS:
        return ModelFacts(
            levels=_levels(model, generation),
            signs_calls=True,
            nests_media=True,
            json_with_tools=True,
        )
    return ModelFacts(budget=_budget(model) if generation >= _FIRST_WITH_BUDGETS else None)


def _levels(model: str, generation: tuple[int, int]) -> tuple[ThinkingLevel, ...]:
    if "flash" in model:
        return ("minimal", "low", "medium", "high")
    return ("low", "high") if generation == (3, 0) else ("low", "medium", "high")


def _budget(model: str) -> Budget:
    if "flash-lite" in model:
        return Budget(512, 24_576, can_be_zero=True)
    if "flash" in model:
        return Budget(1, 24_576, can_be_zero=True)
    return Budget(128, 32_768, can_be_zero=False)
