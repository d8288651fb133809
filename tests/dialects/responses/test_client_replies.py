"""Replies of providers of other dialects, as clients of the Responses API get them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    Delta,
    Finished,
    FinishReason,
    PartProduced,
    ReasoningDelta,
    SignatureDelta,
    Started,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageReported,
    fold,
)
from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Audio, Image, Inline, Reasoning, Remote, ToolCall
from llmrouter.core.requests import ChatRequest
from llmrouter.core.usage import Usage
from llmrouter.dialects.interpreter import ReplyContext
from tests.dialects.responses.client import built_response, events, valid_response
from tests.dialects.responses.passing import (
    CONTRACT,
    NOW_S,
    REQUEST_ID,
    RESPONSES,
    TO_ANTHROPIC,
    TO_OPENAI,
    each_cutting,
    numbered,
    receive,
    request,
)

FROM_CHAT = [
    *sorted((CONTRACT / "openai" / "replies").iterdir()),
    *sorted((CONTRACT / "anthropic" / "from_openai").iterdir()),
]
FROM_MESSAGES = sorted((CONTRACT / "anthropic" / "replies").iterdir())
CASES = [(TO_OPENAI, case) for case in FROM_CHAT] + [(TO_ANTHROPIC, c) for c in FROM_MESSAGES]
EACH = pytest.mark.parametrize(
    ("codec", "case"), CASES, ids=[f"{codec.provider.name}-{case.name}" for codec, case in CASES]
)
UNCUT = numbered(request())
STREAM = numbered(request(stream=True))


def comparable(response: dict[str, Any]) -> dict[str, Any]:
    """The response without what the fixtures' streams say otherwise: spaces in JSON, and models
    that are not named at once."""
    output = [
        {**item, "arguments": json.loads(item["arguments"])} if "arguments" in item else item
        for item in response["output"]
    ]
    return {**response, "output": output, "model": None}


@EACH
def test_a_stream_builds_the_response_that_comes_whole(codec: Any, case: Path) -> None:
    whole = receive(codec, (case / "whole.json").read_bytes(), UNCUT)
    stream = receive(codec, (case / "stream.sse").read_bytes(), STREAM)

    assert valid_response(whole.document)["output"], "it says something"
    assert comparable(built_response(stream.stream)) == comparable(whole.document)
    assert [event["type"] for event in events(stream.terminator)] == [
        f"response.{whole.document['status']}"
    ]


@EACH
def test_the_same_however_the_bytes_are_cut(codec: Any, case: Path) -> None:
    stream = (case / "stream.sse").read_bytes()
    uncut = receive(codec, stream, STREAM)

    for cuts in each_cutting(stream):
        assert receive(codec, stream, STREAM, *cuts) == uncut


def encoded(*deltas: Delta, asked: ChatRequest = UNCUT) -> dict[str, Any]:
    """The response that the deltas make, streamed; whole it is the same."""
    stream = RESPONSES.encoder(context(asked))
    written = b"".join(stream.write(delta) for delta in (Started("up_1", "big-1"), *deltas))
    content, terminator = stream.finish()
    whole = RESPONSES.encoder(context(asked)).whole(fold([Started("up_1", "big-1"), *deltas]))
    response = built_response(written + content + terminator)
    assert response == json.loads(json.dumps(whole))
    return response


def context(asked: ChatRequest) -> ReplyContext:
    return ReplyContext(
        origin="anthropic:a",
        model="smart",
        fallback_id="0000sea000001",
        created_s=NOW_S,
        stream=True,
        include_usage=True,
        request=asked,
    )


def call(name: str, arguments: str, **members: Any) -> tuple[Delta, ...]:
    started = ToolCallStarted(0, "call_1", name, **members)
    return started, ArgumentsDelta(0, arguments), ToolCallEnded(0)


def test_a_response_is_found_in_the_ledger_by_its_id() -> None:
    whole = json.dumps({"choices": [{"message": {"content": "Lake."}, "finish_reason": "stop"}]})

    got = receive(TO_OPENAI, whole.encode(), UNCUT)

    assert got.document["id"] == f"resp_{REQUEST_ID.removeprefix('req_')}"


def test_a_response_repeats_what_was_asked() -> None:
    members = {
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "metadata": {"run": "7"},
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "truncation": "auto",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "service_tier": "flex",
        "store": False,
        "user": "u",
        "previous_response_id": "resp_0000sea000000",
    }

    response = encoded(TextDelta("Lake."), asked=request(**members))

    assert {name: response[name] for name in members} == members
    assert (response["model"], response["created_at"]) == ("big-1", NOW_S)


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("stop_sequence", "completed", None),
        ("tool_calls", "completed", None),
        ("paused", "completed", None),
        ("refusal", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("context_full", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_why_a_response_ended(reason: FinishReason, status: str, details: Any) -> None:
    response = encoded(TextDelta("Lake."), Finished(reason))

    assert (response["status"], response["incomplete_details"]) == (status, details)


def test_a_refusal_that_is_only_explained_is_said() -> None:
    response = encoded(TextDelta("Well"), Finished("refusal", explanation="Not that."))

    assert response["output"][0]["content"][1] == {"type": "refusal", "refusal": "Not that."}


def test_usage_in_the_totals_that_clients_expect() -> None:
    usage = Usage(30, 60, 10, 30, 20)

    response = encoded(TextDelta("x"), UsageReported(usage, cost_nusd=1_500_000))

    assert response["usage"] == {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 150,
        "cost": 0.0015,
    }


def test_usage_that_nobody_counted_is_null() -> None:
    assert encoded(TextDelta("x"))["usage"] is None


NAMESPACED = request(
    tools=[
        {
            "type": "namespace",
            "name": "mcp__docs__",
            "description": "",
            "tools": [
                {"type": "function", "name": "search", "parameters": {}},
                {"type": "custom", "name": "draw"},
            ],
        },
        {
            "type": "namespace",
            "name": "boats",
            "description": "",
            "tools": [{"type": "function", "name": "search", "parameters": {}}],
        },
        {"type": "function", "name": "plain", "parameters": {}},
    ]
)


@pytest.mark.parametrize(
    ("called", "namespace", "name"),
    [
        ("mcp__docs__search", "mcp__docs__", "search"),
        ("boats__search", "boats", "search"),
        ("plain", None, "plain"),
        ("draw", "mcp__docs__", "draw"),  # the only one of that name
        ("search", None, "search"),  # two have that name
        ("invented", None, "invented"),
    ],
)
def test_a_call_finds_its_namespace(called: str, namespace: str | None, name: str) -> None:
    (item,) = encoded(*call(called, "{}"), asked=NAMESPACED)["output"]

    assert (item.get("namespace"), item["name"]) == (namespace, name)


def test_free_text_reaches_a_custom_tool_through_a_provider_that_knows_functions_only() -> None:
    asked = request(tools=[{"type": "custom", "name": "apply_patch"}], stream=True)
    arguments = json.dumps({"input": "*** Begin Patch"})
    made = {"id": "c1", "function": {"name": "apply_patch", "arguments": arguments}}
    choice = {"message": {"tool_calls": [made]}, "finish_reason": "tool_calls"}

    got = receive(TO_OPENAI, json.dumps({"choices": [choice]}).encode(), asked)

    (item,) = built_response(got.stream)["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "*** Begin Patch")


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        (
            {"type": "local_shell"},
            {"command": ["ls"], "timeout_ms": 5},
            {
                "type": "local_shell_call",
                "action": {"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": 5},
            },
        ),
        (
            {"type": "shell", "environment": {"type": "local"}},
            {"commands": ["ls"]},
            {
                "type": "shell_call",
                "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
                "environment": {"type": "local"},
            },
        ),
        (
            {"type": "apply_patch"},
            {"type": "delete_file", "path": "a"},
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
        ),
        (
            {"type": "tool_search", "execution": "client"},
            {"query": "boat"},
            {"type": "tool_search_call", "arguments": {"query": "boat"}, "execution": "client"},
        ),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else None,
)
def test_a_tool_of_fixed_form_is_called_in_that_form(
    tool: dict[str, Any], arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    asked = request(tools=[tool])

    (item,) = encoded(*call(tool["type"], json.dumps(arguments)), asked=asked)["output"]

    assert item.pop("id")
    assert item == {"call_id": "call_1", "status": "completed", **expected}
    history = RESPONSES.read_request({"input": [item]}, losses := Losses()).messages
    (read,) = history[0].parts
    assert isinstance(read, ToolCall)
    assert json.loads(read.arguments).items() >= arguments.items()
    assert losses.fields == ()


def test_broken_arguments_of_such_a_tool_are_seen_by_the_client() -> None:
    asked = request(tools=[{"type": "local_shell"}])

    (item,) = encoded(*call("local_shell", '{"comm'), asked=asked)["output"]

    assert (item["type"], item["arguments"]) == ("function_call", '{"comm')


def sent_back(response: dict[str, Any]) -> list[Any]:
    """The parts that the next request gives back, less what was lost."""
    losses = Losses()
    messages = RESPONSES.read_request({"input": response["output"]}, losses).messages
    assert losses.fields == ()
    return [part for message in messages for part in message.parts]


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        (
            (ReasoningDelta("Hm."), SignatureDelta("sig", "anthropic:a")),
            Reasoning("Hm.", signature="sig", origin="anthropic:a"),
        ),
        (
            (SignatureDelta("sig", "anthropic:a"),),
            Reasoning(signature="sig", origin="anthropic:a"),
        ),
        (
            (PartProduced(Reasoning(encrypted="secret", origin="anthropic:b")),),
            Reasoning(encrypted="secret", origin="anthropic:b"),
        ),
        ((ReasoningDelta("Hm."),), Reasoning("Hm.", origin="anthropic:a")),
        (
            call("f", "{}", signature="sig", origin="gemini:g"),
            ToolCall("call_1", "f", "{}", signature="sig", origin="gemini:g"),
        ),
    ],
)
def test_what_a_vendor_signed_comes_back_as_it_was(
    deltas: tuple[Delta, ...], expected: Any
) -> None:
    assert sent_back(encoded(*deltas)) == [expected]


def test_thoughts_are_shown_as_a_summary() -> None:
    (item,) = encoded(ReasoningDelta("Deep "), ReasoningDelta("lake."))["output"]

    assert item["summary"] == [{"type": "summary_text", "text": "Deep lake."}]


def test_a_picture_is_an_item_and_what_has_no_item_is_noted() -> None:
    encoder = RESPONSES.encoder(context(UNCUT))
    for part in (
        Image(Inline("image/webp", "AAAA")),
        Image(Remote("https://lakes.example/a.png")),
        Audio(Inline("audio/wav", "AAAA")),
    ):
        encoder.write(PartProduced(part))
    _, terminator = encoder.finish()

    (item,) = events(terminator)[0]["response"]["output"]
    assert (item["type"], item["output_format"]) == ("image_generation_call", "webp")
    assert encoder.dropped == ["image", "audio"]


def test_a_reply_that_says_nothing_is_a_response_all_the_same() -> None:
    encoder = RESPONSES.encoder(context(UNCUT))

    response = built_response(b"".join(encoder.finish()))

    assert response["output"] == []
