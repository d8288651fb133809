"""What Anthropic's models take, by version.

Read on 2026-11-21 in Anthropic's and AWS Bedrock's manuals ("Adaptive thinking", "What's new in
Claude 4.7", "Structured outputs"): budgets until 4.5, adaptive thinking from 4.6 on and alone from
4.7 on, where temperature, top_p and top_k are refused, too; before 4.7 not temperature and top_p
together.
"""

from __future__ import annotations

import re
from typing import Literal

from llmrouter.core.records import Record

ThinkingForm = Literal["none", "budget", "adaptive", "adaptive_only"]

# claude-opus-4-6, claude-sonnet-5, claude-3-7-sonnet-20250219, anthropic.claude-opus-4-6-v1
_FAMILY_FIRST = re.compile(r"claude-[a-z]+-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_VERSION_FIRST = re.compile(r"claude-(\d)(?:[-.](\d))?(?!\d)")


class ModelFacts(Record):
    """``takes_both_samplings`` is about temperature together with top_p."""

    thinking: ThinkingForm
    takes_sampling: bool
    takes_both_samplings: bool


def model_facts(model: str) -> ModelFacts:
    """What a model takes; a Claude without a known version is taken for a new one.

    Other vendors' models behind this dialect know budgets and every sampling parameter.
    """
    if "claude" not in model:
        return ModelFacts("budget", takes_sampling=True, takes_both_samplings=True)
    version = _version(model)
    if version is None or version >= (4, 7):
        return ModelFacts("adaptive_only", takes_sampling=False, takes_both_samplings=False)
    return ModelFacts(
        _thinking_form(version), takes_sampling=True, takes_both_samplings=version < (4, 1)
    )


def _thinking_form(version: tuple[int, int]) -> ThinkingForm:
    if version < (3, 7):
        return "none"
    return "budget" if version < (4, 6) else "adaptive"


def _version(model: str) -> tuple[int, int] | None:
    found = _FAMILY_FIRST.search(model) or _VERSION_FIRST.search(model)
    return None if found is None else (int(found[1]), int(found[2] or 0))
