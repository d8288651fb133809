"""Conversations that go on from a reply's id, with openai's own library, over providers that keep
nothing and over one that does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, Seen, Wire, answer, body, status
from tests.running import ON_SQLITE, RunningRouter, lab, running_router


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider without scripts."""
    async with Provider() as started:
        yield started


@pytest.fixture
async def router(provider: Provider, database: DatabaseAddress) -> AsyncIterator[RunningRouter]:
    """A router with the provider as ``lab``, and, speaking Responses, as ``keeper``."""
    document: dict[str, Any] = {**lab(provider, routes={"both": ["lab/fast", "keeper/wise"]})}
    document["providers"] = {
        **document["providers"],
        "keeper": {"base_url": provider.base_url, "dialect": "responses"},
    }
    async with running_router(database, document) as started:
        yield started


@pytest.fixture
async def client(router: RunningRouter) -> AsyncIterator[openai.AsyncOpenAI]:
    """The library, with no retries of its own."""
    base_url = f"http://127.0.0.1:{router.port}/v1"
    async with openai.AsyncOpenAI(api_key="x", base_url=base_url, max_retries=0) as started:
        yield started


async def test_a_conversation_over_three_turns(
    provider: Provider, router: RunningRouter, client: openai.AsyncOpenAI
) -> None:
    provider.on("fast", answer("Hello Ada."), answer("Ada."), answer("Bye."))
    first = await client.responses.create(
        model="lab/fast", input="I am Ada.", instructions="Be brief."
    )
    async with client.responses.stream(
        model="lab/fast", input="Who am I?", previous_response_id=first.id
    ) as stream:
        second = await stream.get_final_response()
    third = await client.responses.create(
        model="lab/fast", input="Bye.", previous_response_id=second.id
    )

    assert (first.output_text, second.output_text, third.output_text) == (
        "Hello Ada.",
        "Ada.",
        "Bye.",
    )
    assert second.previous_response_id == first.id
    assert provider.seen[-1].json["messages"] == [
        {"role": "user", "content": "I am Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "Who am I?"},
        {"role": "assistant", "content": "Ada."},
        {"role": "user", "content": "Bye."},
    ]
    assert len({row["conversation_id"] for row in router.ledger.rows("SELECT * FROM request")}) == 1


@ON_SQLITE
async def test_a_tool_loop_goes_on_from_the_call(
    provider: Provider, client: openai.AsyncOpenAI
) -> None:
    provider.on("fast", answer(None, tool_calls=[("clock", {"zone": "UTC"})]), answer("Noon."))
    tool: Any = {"type": "function", "name": "clock", "parameters": {}, "strict": False}
    asked = await client.responses.create(model="lab/fast", input="What time?", tools=[tool])
    (call,) = asked.output
    assert call.type == "function_call"

    told = await client.responses.create(
        model="lab/fast",
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "12:00"}],
        tools=[tool],
    )

    assert told.output_text == "Noon."
    _, called, result = provider.seen[-1].json["messages"]
    assert called["tool_calls"][0]["function"] == {
        "name": "clock",
        "arguments": '{"zone": "UTC"}',
    }
    assert (result["role"], result["tool_call_id"], result["content"]) == (
        "tool",
        called["tool_calls"][0]["id"],
        "12:00",
    )


@ON_SQLITE
@pytest.mark.parametrize("unknown", ["resp_0000000000000", "resp_68a1f0c9d1a88191b2"])
async def test_an_id_that_nobody_knows(
    provider: Provider, client: openai.AsyncOpenAI, unknown: str
) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await client.responses.create(
            model="lab/fast", input="Go on.", previous_response_id=unknown
        )

    assert raised.value.code == "previous_response_not_found"
    assert raised.value.param == "previous_response_id"
    assert provider.seen == []


@ON_SQLITE
async def test_what_is_not_to_be_stored_is_not(
    router: RunningRouter, client: openai.AsyncOpenAI
) -> None:
    reply = await client.responses.create(model="lab/fast", input="Hi.", store=False)

    with pytest.raises(openai.NotFoundError):
        await client.responses.create(
            model="lab/fast", input="Go on.", previous_response_id=reply.id
        )
    assert router.ledger.count("response_state") == 0


def kept_reply(response_id: str, text: str) -> dict[str, Any]:
    """A reply as the vendor's reference shows one."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": response_id,
        "object": "response",
        "created_at": 1_763_700_000,
        "status": "completed",
        "model": "wise-1",
        "output": [
            {
                "id": f"msg_{response_id}",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [part],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 7,
        },
    }


def keeping(response_id: str, text: str) -> Any:
    return body(json.dumps(kept_reply(response_id, text)).encode())


@ON_SQLITE
async def test_the_provider_that_keeps_a_conversation_comes_first_and_is_told_the_rest_alone(
    provider: Provider, client: openai.AsyncOpenAI
) -> None:
    provider.on("wise", keeping("resp_up_1", "Hello Ada."), keeping("resp_up_2", "Ada."))
    first = await client.responses.create(model="keeper/wise", input="I am Ada.")

    second = await client.responses.create(
        model="both", input="Who am I?", previous_response_id=first.id
    )

    assert (first.id, second.output_text) == ("resp_up_1", "Ada.")
    sent = provider.seen[-1].json
    assert (sent["model"], sent["input"]) == ("wise", "Who am I?")
    assert sent["previous_response_id"] == "resp_up_1"


@ON_SQLITE
async def test_another_target_gets_the_whole_conversation_when_its_keeper_has_lost_it(
    provider: Provider, router: RunningRouter, client: openai.AsyncOpenAI
) -> None:
    lost = status(
        404, "Previous response with id 'x' not found.", code="previous_response_not_found"
    )
    provider.on("wise", keeping("resp_up_1", "Hello Ada."), lost)
    provider.on("fast", answer("Ada."))
    first = await client.responses.create(model="keeper/wise", input="I am Ada.")

    second = await client.responses.create(
        model="both", input="Who am I?", previous_response_id=first.id
    )

    assert second.output_text == "Ada."
    assert [m["content"] for m in provider.seen[-1].json["messages"]] == [
        "I am Ada.",
        "Hello Ada.",
        "Who am I?",
    ]
    assert router.breaker("keeper/wise") == "closed"


@ON_SQLITE
async def test_a_stream_that_breaks_off_is_nothing_to_go_on_from(
    provider: Provider, router: RunningRouter, client: openai.AsyncOpenAI
) -> None:
    async def cut(wire: Wire, seen: Seen) -> None:
        await wire.head(200, content_type="text/event-stream")
        await wire.send(b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n')
        await wire.end()

    provider.on("fast", cut)
    stream = await client.responses.create(model="lab/fast", input="Hi.", stream=True)
    assert [event.type async for event in stream][-1] == "response.failed"
    await router.settled()
    assert router.ledger.count("response_state") == 0
