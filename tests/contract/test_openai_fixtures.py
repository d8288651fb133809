"""Chat completions as real clients and providers write them (`tests/contract/openai`)."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.records import as_mapping
from llmrouter.dialects.registry import DIALECTS, codec
from tests.dialects.openai.replies import DONE, JSON, Read, read

FIXTURES = Path(__file__).parent / "openai"
REPLIES = sorted((FIXTURES / "replies").iterdir())
REQUESTS = sorted((FIXTURES / "requests").iterdir())


def facts(case: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((case / "facts.json").read_text())
    return known


def known_of(outcome: Read) -> dict[str, Any]:
    observed = asdict(outcome.observed)
    assert observed["notes"] == []
    usage = as_mapping(outcome.observed.usage)
    observed["usage"] = {name: n for name, n in usage.items() if n is not None}
    return {
        name: observed[name]
        for name in ("response_model", "finish_reason", "output_characters", "usage")
    } | {"reported_cost_nusd": observed["reported_cost_nusd"]}


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case.name)
def test_a_stream_passes_unchanged_and_is_understood(case: Path) -> None:
    stream = (case / "stream.sse").read_bytes()
    outcome = read(stream, include_usage=True)
    assert outcome.fault is None
    first_token = stream.index(b"data: ")  # comments before it are held back
    assert outcome.content + outcome.terminator == stream[first_token:]
    assert known_of(outcome) == facts(case)


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case.name)
def test_a_whole_reply_passes_unchanged_and_is_understood(case: Path) -> None:
    body = (case / "whole.json").read_bytes()
    outcome = read(body, stream=False, content_type=JSON)
    assert outcome.fault is None
    assert (outcome.content, outcome.terminator) == (b"", body)
    assert known_of(outcome) == facts(case)


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case.name)
def test_a_stream_is_the_same_however_it_is_cut(case: Path) -> None:
    stream = (case / "stream.sse").read_bytes()
    whole = read(stream)
    assert read(stream, *range(len(stream))).told == whole.told
    for place in range(len(stream)):
        assert read(stream, place).told == whole.told


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case.name)
def test_usage_stays_hidden_from_those_who_did_not_ask(case: Path) -> None:
    outcome = read((case / "stream.sse").read_bytes())
    assert b'"choices":[],"usage"' not in outcome.content
    assert outcome.terminator.replace(b"\r", b"") == DONE


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case.name)
def test_a_stream_put_together_says_what_the_whole_reply_says(case: Path) -> None:
    outcome = read((case / "stream.sse").read_bytes(), stream=False)
    assert outcome.fault is None
    assembled, whole = json.loads(outcome.terminator), json.loads((case / "whole.json").read_text())
    assert assembled["usage"] == whole["usage"]
    (choice,), (expected,) = assembled["choices"], whole["choices"]
    assert choice["finish_reason"] == expected["finish_reason"]
    if isinstance(expected["message"].get("content"), str):
        assert choice["message"]["content"] == expected["message"]["content"]
    assert choice["message"].get("tool_calls") == expected["message"].get("tool_calls")


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_a_request_is_understood(case: Path) -> None:
    request = DIALECTS["openai"].parse((case / "request.json").read_bytes())
    assert {
        "model": request.model,
        "stream": request.stream,
        "include_usage": request.include_usage,
        "tools": list(request.tools),
        "needs": sorted(request.needs),
        "max_output_tokens": request.max_output_tokens,
        "conversation_hint": request.conversation_hint,
        "roles": [turn.role for turn in request.turns],
        "last_text": request.turns[-1].text,
    } == facts(case)


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_a_request_reaches_the_provider_whole(case: Path) -> None:
    sent = json.loads((case / "request.json").read_text())
    request = DIALECTS["openai"].parse((case / "request.json").read_bytes())
    received = json.loads(codec("openai", "openai").encode(request, "m-1").body)
    if sent.get("stream"):
        sent["stream_options"] = {**sent.get("stream_options", {}), "include_usage": True}
    assert received == {**sent, "model": "m-1"}
