"""Replies in one piece on their way through, and what is no reply."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.usage import Usage
from llmrouter.dialects.wire import CostOf
from tests.dialects.openai.replies import JSON, STREAM, USAGE, Read, completion, penny, read


def whole(body: bytes, *cuts: int, content_type: str = JSON, cost_of: CostOf | None = None) -> Read:
    return read(body, *cuts, stream=False, content_type=content_type, cost_of=cost_of)


def choice(**members: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop", **members}


def test_bytes_pass_untouched_and_all_of_them_wait() -> None:
    body = b"\n  " + completion(x_new={"a": [1.0, None, "\u2028"]}) + b"\n"
    outcome = whole(body)
    assert (outcome.content, outcome.terminator) == (b"", body)
    assert outcome.content_type == "application/json"
    observed = outcome.observed
    assert (observed.finish_reason, observed.response_model) == ("stop", "m-2026")
    assert observed.usage == Usage(uncached_input_tokens=10, text_output_tokens=5)
    assert observed.output_characters == len("Hello")
    assert observed.first_token
    assert observed.notes == []


@pytest.mark.parametrize("content_type", ["", "text/plain", STREAM, "application/json"])
def test_the_content_type_is_not_believed(content_type: str) -> None:
    assert whole(completion(), content_type=content_type).terminator == completion()


def test_the_cost_is_added_to_usage() -> None:
    document = json.loads(whole(completion(), cost_of=penny).terminator)
    assert document == {**json.loads(completion()), "usage": {**USAGE, "cost": 0.01}}


@pytest.mark.parametrize(
    "usage", [None, {}, {**USAGE, "cost": 0}, {**USAGE, "cost": {"total_cost": 1}}, "many"]
)
def test_no_cost_is_added_where_one_is_or_no_usage(usage: object) -> None:
    body = completion(usage=usage)
    assert whole(body, cost_of=penny).terminator == body


def test_a_cost_in_a_providers_own_unit_is_told_in_dollars() -> None:
    body = completion(usage={**USAGE, "cost_in_usd_ticks": 37_756_000})
    outcome = whole(body, cost_of=penny)
    assert json.loads(outcome.terminator)["usage"]["cost"] == 0.0037756
    assert outcome.observed.reported_cost_nusd == 3_775_600


def test_adding_the_cost_damages_no_wide_integer() -> None:
    body = completion(x_seed=2**70)
    assert json.loads(whole(body, cost_of=penny).terminator)["x_seed"] == 2**70


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"", "empty", id="15 no bytes"),
        pytest.param(b" \r\n", "empty", id="15 blank"),
        pytest.param(b"null", "bad_body", id="15 null"),
        pytest.param(b"[]", "bad_body", id="a list"),
        pytest.param(b"{}", "bad_body", id="an empty object"),
        pytest.param(completion(choices=[]), "bad_body", id="15 no choices"),
        pytest.param(completion(choices=None), "bad_body", id="15 null choices"),
        pytest.param(completion(choices=[1]), "bad_body", id="choices of another kind"),
        pytest.param(b"<!doctype html><title>Oops</title>" * 40, "bad_body", id="15 HTML"),
        pytest.param(b"Internal error", "bad_body", id="prose"),
        pytest.param(completion()[:-20], "truncated", id="10 cut"),
        pytest.param(b'{"choices": [}', "bad_body", id="broken"),
        pytest.param(b'{"error": {"message": "m"}}', "error_body", id="15 an error"),
        pytest.param(completion(error="m"), "error_body", id="an error beside choices"),
        pytest.param(b'{"object": "error", "message": "m"}', "error_body", id="Mistral's error"),
        pytest.param(b'{"detail": "m"}', "error_body", id="a detail"),
        pytest.param(b'[{"error": {"message": "m"}}]', "error_body", id="Google's error"),
        pytest.param(
            completion(choices=[choice(finish_reason="error")]), "error_body", id="finish reason"
        ),
        pytest.param(completion(x="x" * 100_000), "too_large", id="20 too large"),
    ],
)
def test_what_is_no_reply_fails(body: bytes, kind: str) -> None:
    fault = whole(body).fault
    assert fault is not None
    assert (fault.kind, fault.phase) == (kind, "body")


def test_a_failure_quotes_the_beginning_of_what_came() -> None:
    fault = whole(b"<html>\n <h1>Bad gateway</h1>" + b" " * 9_000).fault
    assert fault is not None
    assert fault.message == "a web page instead of JSON: <html> <h1>Bad gateway</h1>"


@pytest.mark.parametrize(
    "members",
    [
        {"message": {"content": None, "tool_calls": [{"function": {"arguments": '{"a": '}}]}},
        {"message": {"content": None, "refusal": "no"}, "finish_reason": "content_filter"},
        {"message": {"content": "cut"}, "finish_reason": "length"},
        {"message": {"content": "", "reasoning_content": "hm"}},
        {"message": {"content": ""}},
        {"logprobs": {"content": [{"logprob": -1e-9}]}},
    ],
)
def test_whatever_the_model_said_passes(members: dict[str, Any]) -> None:
    body = completion(choices=[choice(**members), choice(index=1)])
    assert whole(body).terminator == body


def test_unknown_finish_reasons_are_replaced() -> None:
    outcome = whole(completion(choices=[choice(finish_reason="eos", x=1)]))
    assert json.loads(outcome.terminator)["choices"] == [choice(finish_reason="stop", x=1)]
    assert outcome.observed.notes == ["finish_reason=eos"]


BODIES = st.sampled_from(
    [
        completion(),
        completion(choices=[]),
        b"null",
        b" ",
        b"<html>" * 100,
        b'{"error": "e"}',
        b"data: {}\n\n",
        b"\xef\xbb\xbf",
        b"7",
        b"[",
        completion(usage={"prompt_tokens": -1}),
        completion(choices=[choice(finish_reason="eos", message={"tool_calls": [3]})]),
    ]
)


@given(st.lists(BODIES, max_size=3).map(b"".join), st.lists(st.integers(0, 999), max_size=5))
def test_law_any_split_gives_the_same_reply(body: bytes, cuts: list[int]) -> None:
    outcome = whole(body, *(min(cut, len(body)) for cut in cuts), cost_of=penny)
    assert outcome.told == whole(body, cost_of=penny).told


TEXT = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.floats(allow_nan=False).filter(abs),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: "Infinity" not in json.dumps(value))


@given(
    st.dictionaries(TEXT, VALUES, max_size=4),
    st.dictionaries(TEXT, VALUES, max_size=4),
    st.sampled_from([None, 1]),
)
def test_law_no_byte_of_a_good_reply_changes(
    members: dict[str, Any], message: dict[str, Any], indent: int | None
) -> None:
    members = {n: v for n, v in members.items() if n not in ("error", "object", "choices")}
    body = completion(choices=[choice(message=message)], **members)
    body = json.dumps(json.loads(body), indent=indent).encode()
    assert whole(body).terminator == body
