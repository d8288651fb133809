"""What a replay tries: changes as people write them, and candidates that are not valid."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from llmrouter.core.errors import ConfigurationInvalid
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.documents import read_configuration
from llmrouter.replay.candidate import make_candidate, read_change
from llmrouter.settings import Keyring, read_settings

BASE = ConfigurationVersion(
    7, {"categories": {"code": {"models": ["openai/gpt-4o-mini"]}}}, "hash", 6, "cli", None, 1
)


def candidate_of(*changes: str) -> Any:
    read = partial(read_configuration, settings=read_settings(env_file=None), keyring=Keyring({}))
    return make_candidate(BASE, read=read, changes=[read_change(text) for text in changes])


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("routing.mode=local", ("routing", "mode"), "local"),
        ('routing.mode="local"', ("routing", "mode"), "local"),
        ('categories.code.models=["a/b"]', ("categories", "code", "models"), ["a/b"]),
        ("breaker.failure_threshold=5", ("breaker", "failure_threshold"), 5),
        (
            'prices."openai/gpt-4.1".input_usd_per_mtok=2.5',
            ("prices", "openai/gpt-4.1", "input_usd_per_mtok"),
            2.5,
        ),
        ("categories.poetry=null", ("categories", "poetry"), None),
    ],
)
def test_a_change_is_a_path_and_a_value(text: str, path: tuple[str, ...], value: Any) -> None:
    change = read_change(text)
    assert (change.path, change.value) == (path, value)


@pytest.mark.parametrize("text", ["routing.mode", "=1", "a..b=1", 'a.models=["b', 'a."b=1'])
def test_what_is_no_change_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"no change|no path|no JSON"):
        read_change(text)


def test_a_candidate_is_its_base_with_changes_and_says_so() -> None:
    candidate = candidate_of('categories.code.models=["anthropic/claude-sonnet-4"]')
    targets = [str(target) for target in candidate.table.targets("code")]
    assert targets == ["anthropic/claude-sonnet-4"]
    assert candidate.base_version == 7
    assert candidate.label == ('version 7, categories.code.models=["anthropic/claude-sonnet-4"]')
    assert BASE.document["categories"]["code"]["models"] == ["openai/gpt-4o-mini"]


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ('categories.cod.models=["nobody"]', "categories.cod.models.0", "nobody"),
        ('categories.code.modles=["a/b"]', "categories.code.modles", "`models`"),
        ('categories.code.models=["opneai/gpt-4o"]', "categories.code.models.0", "`openai`"),
        ("routing.mode=locl", "routing.mode", "local"),
        ("categories.conversation=null", "routing.default_category", "conversation"),
        ("categories.code.models.first=1", "categories.code.models", "as a whole"),
    ],
)
def test_a_candidate_that_cannot_run_is_refused_with_the_nearest_name(
    change: str, field: str, says: str
) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        candidate_of(change)
    faults = {fault.field: fault.message for fault in caught.value.errors}
    assert field in faults, faults
    assert says in faults[field]
