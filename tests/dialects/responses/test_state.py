"""Conversations that go on from a reply's id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.ledger import ResponseState
from llmrouter.core.records import replace
from llmrouter.core.requests import ChatRequest, Turn
from llmrouter.dialects.responses.dialect import ResponsesDialect
from llmrouter.dialects.responses.state import (
    continue_from,
    keep,
    not_found,
    request_behind,
)
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.responses.passing import (
    NATIVE,
    REQUEST_ID,
    TO_ANTHROPIC,
    TO_OPENAI,
    fixture,
    numbered,
    receive,
    request,
    send,
)

OURS = f"resp_{REQUEST_ID.removeprefix('req_')}"


def state(response_id: str, *items: Any, provider: str | None = None) -> ResponseState:
    return ResponseState(response_id, json.dumps(items).encode(), provider=provider)


def items_of(kept: ResponseState) -> Any:
    return json.loads(kept.items)


def kept_of(asked: ChatRequest, last: bytes, provider: str = "openai") -> ResponseState:
    kept = keep(asked, last, provider=provider)
    assert kept is not None
    return kept


def chat_reply(**message: Any) -> bytes:
    choice = {"message": message, "finish_reason": "stop"}
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [choice]}).encode()


def test_a_conversation_over_three_turns_with_a_provider_that_keeps_nothing() -> None:
    first = numbered(request(input="I am Ada.", instructions="Be brief."))
    got = receive(TO_OPENAI, chat_reply(content="Hello Ada."), first)
    before = kept_of(first, got.terminator)

    asked = request(input="Who am I?", previous_response_id=OURS, stream=True)
    second = continue_from(asked, [before])

    assert second.turns == (
        Turn("user", "I am Ada."),
        Turn("assistant", "Hello Ada."),
        Turn("user", "Who am I?"),
    )
    sent = send(TO_ANTHROPIC, second, "claude-opus-4-6")
    assert sent.document["messages"] == [
        {"role": "user", "content": "I am Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "Who am I?"},
    ]
    assert "system" not in sent.document, "instructions are not carried over"
    assert sent.losses == ()
    later = replace(second, request_id=(second.request_id or 0) + 1)
    reply = receive(TO_OPENAI, chat_reply(content="Ada."), later)
    kept = kept_of(later, reply.terminator)
    assert (kept.previous_id, kept.provider) == (OURS, None)
    assert [item["role"] for item in items_of(kept)] == ["user", "assistant"], "the new ones alone"
    third = continue_from(request(input="Bye.", previous_response_id="x"), [before, kept])
    assert [turn.text for turn in third.turns] == [
        "I am Ada.",
        "Hello Ada.",
        "Who am I?",
        "Ada.",
        "Bye.",
    ]
    assert b'"previous_response_id":"' + OURS.encode() in reply.content


@pytest.mark.parametrize("case", fixture("replies"), ids=lambda case: case.name)
def test_a_stream_and_a_whole_reply_are_kept_alike(case: Any) -> None:
    whole = receive(NATIVE, (case / "whole.json").read_bytes(), request())
    stream = receive(NATIVE, (case / "stream.sse").read_bytes(), request(stream=True))

    kept = kept_of(request(), whole.terminator)

    assert kept == kept_of(request(stream=True), stream.terminator)
    assert (kept.response_id, kept.provider) == ("resp_9lake", "openai")
    assert items_of(kept)[0] == {"type": "message", "role": "user", "content": "hi"}


def test_the_provider_that_keeps_the_conversation_gets_what_the_client_sent() -> None:
    kept = state("resp_up", {"role": "user", "content": "Hi."}, provider="openai")
    asked = continue_from(request(input="More.", previous_response_id="resp_up"), [kept])

    there = send(NATIVE, asked, "gpt-5", TargetFacts(provider="openai")).document
    elsewhere = send(NATIVE, asked, "gpt-5", TargetFacts(provider="azure")).document

    assert there == {"input": "More.", "previous_response_id": "resp_up"}
    assert elsewhere["input"] == [
        {"role": "user", "content": "Hi."},
        {"type": "message", "role": "user", "content": "More."},
    ]
    assert "previous_response_id" not in elsewhere


def test_a_reply_of_ours_is_known_by_no_provider() -> None:
    body = json.dumps({"id": OURS, "status": "completed", "output": []}).encode()

    assert kept_of(request(), body).provider is None


def test_reasoning_is_kept_for_the_provider_that_encrypted_it() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "reasoning", "id": "rs_2", "summary": []},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    body = json.dumps({"id": "resp_up", "output": output}).encode()
    kept = kept_of(request(input=[]), body)
    answered = {"type": "function_call_output", "call_id": "c", "output": "1"}
    asked = continue_from(request(input=[answered], previous_response_id="resp_up"), [kept])
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}

    # As if the provider had lost it: it gets its own reasoning, without ids that others gave.
    at_home = send(NATIVE, replaced(asked), "gpt-5", TargetFacts(provider="openai"))
    elsewhere = send(NATIVE, asked, "gpt-5", TargetFacts(provider="azure"))

    own = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    assert at_home.document["input"] == [own, call, answered]
    assert elsewhere.document["input"] == [call, answered]
    assert elsewhere.losses == ("input.0",)


def replaced(asked: ChatRequest) -> ChatRequest:
    return continue_from(
        request(input=[], previous_response_id="x"), [state("x", *asked.document["input"])]
    )


def test_references_to_what_is_in_the_conversation_already_are_resolved() -> None:
    kept = state("x", {"id": "msg_1", "role": "assistant", "content": "Hello."})
    items = [
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "item_reference", "id": "msg_9"},
    ]

    asked = continue_from(request(input=items, previous_response_id="x"), [kept])

    assert asked.document["input"] == [
        {"role": "assistant", "content": "Hello."},
        {"type": "item_reference", "id": "msg_9"},
    ]


def test_what_the_client_does_not_want_stored_is_not() -> None:
    body = json.dumps({"id": OURS, "output": []}).encode()

    assert keep(request(store=False), body, provider="openai") is None


@pytest.mark.parametrize("last", [b"{}", b"", b"data: [DONE]\n\n", b'{"id":"resp_1"}'])
def test_what_is_no_response_is_not_kept(last: bytes) -> None:
    assert keep(request(), last, provider="openai") is None


def test_an_unknown_id_is_told_in_openais_words() -> None:
    error = not_found("resp_lost")

    body = json.loads(ResponsesDialect().error_body(error))["error"]
    assert error.status == 404
    assert (body["code"], body["param"], body["type"]) == (
        "previous_response_not_found",
        "previous_response_id",
        "invalid_request_error",
    )
    assert "'resp_lost' not found" in body["message"]


@pytest.mark.parametrize(
    ("response_id", "is_ours"),
    [
        (OURS, True),
        ("resp_68a1f0c9d1a88191b2", False),
        ("resp_0000sea00000!", False),
        (REQUEST_ID, False),
        ("", False),
    ],
)
def test_ids_of_our_making_lead_to_their_request(response_id: str, is_ours: bool) -> None:
    assert (request_behind(response_id) is not None) == is_ours
