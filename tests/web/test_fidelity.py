"""The same dialect in and out: no byte of a reply changes, and no field of a request is lost."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.provider import DONE, FINISH, USAGE, Provider, body, chunk, completion, event, stream
from tests.running import RunningRouter, ask, lab, running_router

ODD = (
    b'data: {"id":"x","choices":[{"index":0,"delta":{"role":"assistant"}}],"z": {"y" : 1.50}}\n\n',
    'data: {"choices":[{"index":0,"delta":{"content":"h\\u00e9 \u2028 \u65e5"}}]}\r\n\r\n'.encode(),
    b": a comment\n\n",
    b'data:{"choices":[{"delta":{"reasoning_content":"hm"}}],"system_fingerprint":"fp"}\n\n',
    b'data:{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\\"broken"}}]}}]}\n\n',
    b'id: 7\nevent: message\ndata: {"choices":[{"delta":{"content":"!"},"logprobs":null}]}\n\n',
    FINISH,
)  # fmt: skip
WHOLE = (
    b'{ "id": "x", "choices" : [{"index":0,"message":{"role":"assistant","content":"\\u00e9"},'
    b'"finish_reason":"stop"}],\n "usage": {"prompt_tokens":3,"completion_tokens":1.0}, "n": 1e2 }'
)

REQUEST: dict[str, Any] = {
    "model": "lab/fast",
    "messages": [
        {"role": "developer", "content": "Be brief.", "name": "d", "vendor": [1]},
        {"role": "user", "content": [
            {"type": "text", "text": "See: \U0001f600 \u2028", "cache_control": {"type": "x"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ]},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "ok"}]},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    "n": 2, "logprobs": True, "top_logprobs": 3, "seed": 12345678901234567890,
    "reasoning_effort": "low", "metadata": {"a": "b"}, "temperature": 0.10, "logit_bias": {"7": 1},
    "stop": ["\n"], "user": "u", "unknown_field": {"deep": [None, True, 1e-7]},
}  # fmt: skip


@pytest.mark.parametrize("asked_for_usage", [True, False])
async def test_a_stream_passes_byte_for_byte(
    asked_for_usage: bool, provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", stream(*ODD, USAGE, DONE))
    options = {"stream_options": {"include_usage": True}} if asked_for_usage else {}
    async with router.streaming(**options) as reply:
        received = await reply.aread()
    expected = [*ODD, USAGE, DONE] if asked_for_usage else [*ODD, DONE]
    assert received == b"".join(expected)
    assert provider.seen[0].wants_usage  # upstream is always asked
    assert router.ledger.story(reply).request["usage_source"] == "provider"


async def test_a_whole_reply_passes_byte_for_byte(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", body(WHOLE))
    assert (await router.chat()).content == WHOLE


async def test_every_field_of_a_request_reaches_the_provider(
    provider: Provider, router: RunningRouter
) -> None:
    text = json.dumps(REQUEST)
    reply = await router.http.post(
        "/v1/chat/completions", content=text, headers={"content-type": "application/json"}
    )
    assert reply.status_code == 200
    assert provider.seen[0].json == {**REQUEST, "model": "fast"}


async def test_fields_of_client_libraries_and_foreign_headers_stay_here(
    provider: Provider, router: RunningRouter
) -> None:
    stray = {
        "api_base": "http://evil.example", "base_url": "http://evil.example",
        "api_key": "sk-clients-own-key", "extra_headers": {"x": "y"}, "user_config": {},
    }  # fmt: skip
    headers = {
        "authorization": "Bearer a-clients-secret", "cookie": "session=1", "x-evil": "1",
        "x-forwarded-for": "1.2.3.4", "openai-organization": "org", "x-stainless-lang": "js",
        "x-api-key": "another-secret", "traceparent": "00-1-2-03",
    }  # fmt: skip
    await router.http.post("/v1/chat/completions", json=ask(**stray), headers=headers)
    (seen,) = provider.seen
    assert seen.json == {"model": "fast", "messages": ask()["messages"]}
    allowed = {
        "host",
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "user-agent",
        "connection",
    }
    assert set(seen.headers) <= allowed
    assert "secret" not in str(seen.headers)
    assert seen.path == "/v1/chat/completions"


@pytest.mark.parametrize("streamed", [True, False])
async def test_the_cost_is_added_to_the_usage_when_asked_for(
    streamed: bool, provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    document = lab(provider, routing={"mode": "keywords", "report_cost_in_usage": True})
    async with running_router(sqlite_database, document) as router:
        if streamed:
            options = {"include_usage": True}
            async with router.streaming(stream_options=options) as reply:
                events = (await reply.aread()).split(b"\n\n")
            usage = json.loads(events[-3].removeprefix(b"data: "))["usage"]
        else:
            reply = await router.chat()
            usage = reply.json()["usage"]
            assert reply.headers["x-llmrouter-cost-usd"] == "0.00002"
        assert usage["cost"] == pytest.approx(0.00002)
        assert router.ledger.story(reply).request["cost_nusd"] == 20_000


async def test_the_provider_s_own_cost_wins(provider: Provider, router: RunningRouter) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.123456789}
    provider.on("fast", body(json.dumps(completion({"content": "x"}, usage=usage)).encode()))
    reply = await router.chat()
    story = router.ledger.story(reply)
    assert (story.request["cost_nusd"], story.request["cost_basis"]) == (
        123_456_789,
        "provider_reported",
    )
    assert reply.json()["usage"]["cost"] == 0.123456789


async def test_finish_reasons_that_clients_do_not_know_are_mapped(
    provider: Provider, router: RunningRouter
) -> None:
    for reason, told in (("max_tokens", "length"), ("network_error", "stop"), ("eos", "stop")):
        provider.on("fast", stream("Hi", event(chunk(finish=reason)), DONE))
        async with router.streaming() as reply:
            last = (await reply.aread()).split(b"\n\n")[-3]
        assert json.loads(last.removeprefix(b"data: "))["choices"][0]["finish_reason"] == told


async def test_what_arrived_in_one_read_leaves_in_one_write(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", stream(b"".join(ODD), DONE))
    async with router.streaming() as reply:
        assert isinstance(reply, httpx.Response)
        first = await anext(reply.aiter_raw())
    assert first == b"".join(ODD)
