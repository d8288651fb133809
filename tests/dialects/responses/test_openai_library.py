"""OpenAI's own library reads what our encoder writes, its accumulating stream included."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from openai import APIStatusError, OpenAI

from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.responses.dialect import ResponsesDialect
from llmrouter.dialects.responses.parse import parse
from llmrouter.dialects.responses.state import not_found
from tests.dialects.responses.passing import CONTRACT, TO_ANTHROPIC, numbered, receive

REPLIES = CONTRACT / "anthropic" / "replies"


def client_of(case: str, asked: list[ChatRequest]) -> OpenAI:
    """A client of a router whose provider, of another dialect, gives this reply."""

    def answer(sent: httpx.Request) -> httpx.Response:
        request = numbered(parse(sent.content))
        asked.append(request)
        name = "stream.sse" if request.stream else "whole.json"
        got = receive(TO_ANTHROPIC, (REPLIES / case / name).read_bytes(), request)
        kind = "text/event-stream" if request.stream else "application/json"
        return httpx.Response(200, content=got.stream, headers={"content-type": kind})

    transport = httpx.MockTransport(answer)
    return OpenAI(
        api_key="k", base_url="http://r.example/v1", http_client=httpx.Client(transport=transport)
    )


@pytest.mark.parametrize("case", ["text", "thinking", "tool_call", "parallel_tool_calls"])
def test_a_stream_accumulates_to_the_whole_response(case: str) -> None:
    asked: list[ChatRequest] = []
    with client_of(case, asked) as client:
        whole = client.responses.create(model="smart", input="hi")
        with client.responses.stream(model="smart", input="hi") as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_response()

    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert final.output_text == whole.output_text
    assert [item.type for item in final.output] == [item.type for item in whole.output]
    assert [request.stream for request in asked] == [False, True]


def test_what_a_client_sends_back_is_understood() -> None:
    asked: list[ChatRequest] = []
    tools: Any = [{"type": "function", "name": "get_weather", "parameters": {}, "strict": False}]
    with client_of("tool_call", asked) as client:
        first = client.responses.create(model="smart", input="hi", tools=tools)
        items: Any = [item.model_dump(exclude_none=True) for item in first.output]
        call = next(item for item in first.output if item.type == "function_call")
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": "12"})
        client.responses.create(model="smart", input=items, tools=tools)

    outgoing = TO_ANTHROPIC.encode(asked[1], "claude-opus-4-6")
    sent = json.loads(outgoing.body)["messages"]
    assert outgoing.losses == ()
    assert sent[-1]["content"][0]["tool_use_id"] == call.call_id


def test_an_error_is_the_librarys_own() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        error = not_found("resp_lost")
        return httpx.Response(error.status, content=ResponsesDialect().error_body(error))

    transport = httpx.MockTransport(answer)
    with (
        OpenAI(
            api_key="k",
            base_url="http://r.example",
            http_client=httpx.Client(transport=transport),
            max_retries=0,
        ) as client,
        pytest.raises(APIStatusError) as raised,
    ):
        client.responses.create(model="m", input="x", previous_response_id="resp_lost")

    assert raised.value.code == "previous_response_not_found"
