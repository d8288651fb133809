"""JSON where a stream was asked for, and the reverse."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from tests.dialects.openai.replies import (
    DONE,
    JSON,
    ROLE,
    STOP,
    USAGE,
    USAGE_CHUNK,
    chunk,
    completion,
    penny,
    read,
)

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def documents(content: bytes) -> list[dict[str, Any]]:
    blocks = content.removesuffix(b"\n\n").split(b"\n\n")
    return [json.loads(block.removeprefix(b"data: ")) for block in blocks]


def test_a_completion_becomes_a_stream() -> None:
    outcome = read(completion(service_tier="x"), content_type=JSON)
    assert outcome.fault is None
    first, last = documents(outcome.content)
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": None}
    ]
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    for document in (first, last):
        assert document["object"] == "chat.completion.chunk"
        assert (document["id"], document["service_tier"]) == ("chatcmpl-1", "x")
    assert outcome.terminator == DONE
    assert outcome.observed.notes == ["converted"]
    assert outcome.observed.first_token
    assert outcome.content_type.startswith("text/event-stream")


def test_usage_and_cost_follow_where_they_were_asked_for() -> None:
    outcome = read(completion(), content_type=JSON, include_usage=True, cost_of=penny)
    *_, last = documents(outcome.content)
    assert (last["choices"], last["usage"]) == ([], {**USAGE, "cost": 0.01})


@pytest.mark.parametrize("reply", [b'{"error": "boom"}', b"null", completion(choices=[])])
def test_json_that_is_no_completion_fails_before_the_first_token(reply: bytes) -> None:
    outcome = read(reply, content_type=JSON)
    assert outcome.fault is not None
    assert outcome.fault.phase == "first_token"


def test_a_stream_becomes_a_completion() -> None:
    pieces = [
        ROLE,
        b": comment\n\n",
        chunk(delta={"reasoning_content": "hm"}),
        chunk(delta={"reasoning_content": "m"}, system_fingerprint="fp"),
        chunk("Hel"),
        chunk("lo"),
        chunk(finish="stop"),
        USAGE_CHUNK,
    ]
    outcome = read(b"".join(pieces) + DONE, stream=False, cost_of=penny)
    assert outcome.fault is None
    assert json.loads(outcome.content + outcome.terminator) == {
        "id": "chatcmpl-1",
        "created": 1_700_000_000,
        "model": "m-2026",
        "system_fingerprint": "fp",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "reasoning_content": "hmm"},
                "finish_reason": "stop",
            }
        ],
        "usage": {**USAGE, "cost": 0.01},
    }
    assert outcome.content_type == "application/json"
    assert outcome.observed.notes == ["converted"]


@pytest.mark.parametrize("slip", [5, "text", ["text"], True])
def test_a_delta_that_is_no_object_is_left_out(slip: object) -> None:
    slipped = {"index": 0, "delta": slip}, {"index": 1, "delta": slip}
    said = {"index": 0, "delta": {"content": "hello"}}
    for choices in permutations([said, *slipped]):
        chunks = b"".join(b"data: %b\n\n" % json.dumps({"choices": [c]}).encode() for c in choices)
        completion = json.loads(read(chunks + DONE, stream=False).terminator)
        assert [choice["message"] for choice in completion["choices"]] == [
            {"role": "assistant", "content": "hello"},
            {"role": "assistant", "content": None},
        ]


def test_tool_calls_and_further_choices_are_put_together() -> None:
    def calls(*deltas: dict[str, Any], index: int = 0) -> bytes:
        return chunk(choices=[{"index": index, "delta": {"tool_calls": list(deltas)}}])

    stream = (
        chunk(choices=[{"index": 1, "delta": {"content": "B"}, "logprobs": {"content": [1]}}])
        + calls({**CALL, "index": 0, "function": {"name": "f", "arguments": ""}})
        + calls({"index": 1, "id": "call_2", "function": {"name": "g", "arguments": "{}"}})
        + calls({"index": 0, "function": {"arguments": '{"a":'}})
        + calls({"index": 0, "function": {"arguments": " 1}"}})
        + chunk(choices=[{"index": 1, "delta": {"content": "b"}, "logprobs": {"content": [2]}}])
        + chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])
    )
    outcome = read(stream + DONE, stream=False)
    assert json.loads(outcome.terminator)["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    CALL,
                    {"id": "call_2", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            "finish_reason": "tool_calls",
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": "Bb"},
            "logprobs": {"content": [1, 2]},
            "finish_reason": "stop",
        },
    ]


def test_there_and_back_says_the_same() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning": "hm"}
    original = completion(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])
    stream = read(original, content_type=JSON, include_usage=True)
    back = read(stream.content + stream.terminator, stream=False)
    assert json.loads(back.terminator) == json.loads(original)


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (DONE, "empty"),
        (ROLE + chunk("a"), "truncated"),
        (chunk("a") + b'data: {"error": "boom"}\n\n', "error_body"),
        (chunk("a" * 5_000) * 30 + STOP + DONE, "too_large"),
    ],
)
def test_a_broken_stream_is_no_completion(stream: bytes, kind: str) -> None:
    outcome = read(stream, stream=False)
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.phase) == (kind, "body")
    assert outcome.content + outcome.terminator == b""


@pytest.mark.parametrize("asked", [True, False])
def test_every_byte_boundary_gives_the_same_conversion(asked: bool) -> None:
    reply = completion() if asked else ROLE + chunk("é\u2028") + STOP + USAGE_CHUNK + DONE
    whole = read(reply, stream=asked)
    assert whole.fault is None
    for place in range(len(reply)):
        assert read(reply, place, stream=asked).told == whole.told
