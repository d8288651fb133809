"""What OpenAI's models take, by name; other vendors' behind this dialect take everything."""

from __future__ import annotations

import re

from llmrouter.dialects.wire import TargetFacts

_UNTHINKING = re.compile(r"(^|/)(chatgpt-|gpt-3|gpt-4)")
"""Models that answer an effort, or a wish for encrypted reasoning, with a 400."""

# Manual, "Using GPT-5.2", parameter compatibility: older reasoning models refuse temperature and
# top_p, newer ones do unless their effort is none.
_REASONING = re.compile(r"(^|/)(o\d|gpt-[5-9](?!.*-chat))")
_SAMPLES_WITHOUT_EFFORT = re.compile(r"(^|/)gpt-([6-9]|5\.\d)")


def does_reason(model: str, facts: TargetFacts) -> bool:
    """What is not known is taken for a reasoning model."""
    if facts.reasons is not None:
        return facts.reasons
    return not _UNTHINKING.search(model)


def takes_sampling(model: str, effort: str | None) -> bool:
    """Whether the model takes temperature and top_p, reasoning at this effort."""
    if not _REASONING.search(model):
        return True
    return effort == "none" and bool(_SAMPLES_WITHOUT_EFFORT.search(model))
