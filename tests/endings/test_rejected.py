"""Requests that are refused before anything is sent: a clear error, and a connection that lives."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from llmrouter.web import client
from tests.provider import Provider
from tests.running import RunningRouter, ask

DEEP = b'{"model": "lab/fast", "messages": ' + b"[" * 1000 + b"]" * 1000 + b"}"


@dataclass(frozen=True)
class Bad:
    """A body, and what its sender is told."""

    body: bytes
    status: int
    code: str
    says: str
    param: str | None = None


def bad(document: Any, status: int, code: str, says: str, param: str | None = None) -> Bad:
    """A body that is JSON at least."""
    return Bad(json.dumps(document).encode(), status, code, says, param)


BAD: dict[str, Bad] = {
    "empty": Bad(b"", 400, "malformed_request", "empty"),
    "no JSON": Bad(b"{'model': 'lab/fast'}", 400, "malformed_request", "not valid JSON"),
    "half of JSON": Bad(b'{"messages": [', 400, "malformed_request", "not valid JSON"),
    "NaN": Bad(b'{"messages": [], "top_p": NaN}', 400, "malformed_request", "not valid JSON"),
    "no UTF-8": Bad(b'{"messages": "\xff"}', 400, "malformed_request", "not valid JSON"),
    "a list": bad([], 400, "malformed_request", "a list; send a JSON object"),
    "null": bad(None, 400, "malformed_request", "null; send a JSON object"),
    "a thousand levels": Bad(DEEP, 400, "malformed_request", "deeper than 200 levels"),
    "no messages": bad({}, 422, "validation_error", "messages: is missing", "messages"),
    "empty messages": bad({"messages": []}, 422, "validation_error", "is empty", "messages"),
    "messages of a wrong type": bad(
        {"messages": "hi"}, 422, "validation_error", "must be a list", "messages"
    ),
    "a message of a wrong type": bad(
        {"messages": ["hi"]}, 422, "validation_error", "must be an object", "messages.0"
    ),
    "a wrong role": bad(
        {"messages": [{"role": "robot", "content": "hi"}]},
        422, "validation_error", "`robot` is no role", "messages.0.role",
    ),
    "no role": bad(
        {"messages": [{"content": "hi"}]}, 422, "validation_error", "is missing", "messages.0.role"
    ),
    "a number as content": bad(
        {"messages": [{"role": "user", "content": 7}]},
        422, "validation_error", "must be a string", "messages.0.content",
    ),
    "stream as a text": bad(
        ask(stream="yes"), 422, "validation_error", "must be true or false", "stream"
    ),
    "temperature as a text": bad(
        ask(temperature="hot"), 422, "validation_error", "must be a number", "temperature"
    ),
    "model as a number": bad(
        ask(model=5), 422, "validation_error", "model: must be a string", "model"  # type: ignore[arg-type]  # on purpose
    ),
    "tools as an object": bad(ask(tools={}), 422, "validation_error", "must be a list", "tools"),
    "an unknown model": bad(
        ask(model="gpt-4o-minni"), 404, "model_not_found", "`gpt-4o-mini`", "model"
    ),
    "a slip in a provider": bad(
        ask(model="opneai/gpt-4o-mini"), 404, "model_not_found", "Did you mean", "model"
    ),
    "a model like nothing": bad(
        ask(model="zzz"), 404, "model_not_found", "GET /v1/models", "model"
    ),
    "ten thousand messages": bad(
        {"messages": [{"role": "user", "content": "a"}] * 10_001},
        413, "too_many_messages", "at most 10000", "messages",
    ),
}  # fmt: skip


async def test_a_bad_body_is_explained_recorded_and_costs_nothing(
    provider: Provider, router: RunningRouter
) -> None:
    line = await router.line()
    for name, case in BAD.items():
        await line.post(case.body)
        status, headers, body = await line.reply()  # on the connection that all cases share
        error = json.loads(body)["error"]
        assert (status, error["code"], error["param"]) == (case.status, case.code, case.param), name
        assert case.says in error["message"], name
        assert error.keys() >= {"message", "type", "param", "code"}, name
        assert error["type"] == "invalid_request_error", name
        assert headers["x-request-id"] == headers["x-llmrouter-request-id"], name
        assert headers["x-llmrouter-attempts"] == "0", name

        story = router.ledger.story(headers["x-request-id"])
        assert (story.request["ending"], story.request["http_status"]) == ("rejected", case.status)
        assert (story.request["cost_nusd"], story.attempts) == (0, [])
        assert story.kinds[-2:] == ["request.rejected", "request.finished"], name
        assert story.data("request.rejected").code == case.code
    await line.post(ask())
    status, _, _ = await line.reply()
    line.leave()
    assert status == 200
    assert len(provider.seen) == 1
    assert router.ledger.count("request") == len(BAD) + 1


async def test_every_wrong_field_is_told_at_once(router: RunningRouter) -> None:
    document = {"messages": [{"role": "robot"}], "temperature": "hot", "n": 1.5}
    reply = await router.http.post("/v1/chat/completions", json=document)
    wrong = {"messages.0.role", "temperature", "n"}
    assert {fault["field"] for fault in reply.json()["error"]["errors"]} == wrong
    told = router.ledger.story(reply).data("request.rejected").errors
    assert {fault["field"] for fault in told} == wrong


async def test_a_body_of_50_mb_is_refused_before_it_is_read(router: RunningRouter) -> None:
    line = await router.line()
    await line.post(b'{"model": "', length=50 * 2**20)  # the rest is never sent
    status, headers, body = await line.reply()
    line.leave()
    assert status == 413
    assert json.loads(body)["error"]["code"] == "request_too_large"
    assert headers["connection"] == "close"
    assert router.ledger.story(headers["x-request-id"]).request["http_status"] == 413


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
async def test_a_client_that_insists_on_50_mb_reads_why_it_was_refused(
    announced: bool, router: RunningRouter
) -> None:
    async def parts() -> Any:
        for _ in range(50):
            yield b"a" * 2**20

    headers = {"content-type": "application/json"}
    if announced:
        headers["content-length"] = str(50 * 2**20)
    for _ in range(3):  # whether a reset overtakes the answer is a matter of luck
        reply = await router.http.post("/v1/chat/completions", content=parts(), headers=headers)
        assert reply.status_code == 413
        assert reply.json()["error"]["code"] == "request_too_large"
    await router.settled()
    endings = router.ledger.rows("SELECT ending, http_status FROM request")
    assert [(row["ending"], row["http_status"]) for row in endings] == [("rejected", 413)] * 3


async def test_a_body_that_does_not_arrive_in_time_is_given_up(
    router: RunningRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BODY_TIMEOUT_S", 0.05)
    line = await router.line()
    await line.post(b'{"model": "', length=1000)  # the rest is never sent
    status, headers, body = await line.reply()
    line.leave()
    assert (status, headers["connection"]) == (408, "close")
    assert json.loads(body)["error"]["code"] == "request_timeout"
    assert router.ledger.story(headers["x-request-id"]).request["ending"] == "rejected"


async def test_a_long_body_within_the_limit_does_not_hold_up_the_others(
    router: RunningRouter,
) -> None:
    long_one = asyncio.create_task(router.chat("word " * 2_000_000))
    begun = asyncio.get_running_loop().time()
    replies = await asyncio.gather(*(router.chat() for _ in range(5)))
    assert {reply.status_code for reply in replies} == {200}
    assert asyncio.get_running_loop().time() - begun < 3
    assert (await long_one).status_code == 200


async def test_a_crowd_of_messages_is_refused_and_holds_nobody_up(
    provider: Provider, router: RunningRouter
) -> None:
    document = {"model": "lab/fast", "messages": [{"role": "user", "content": "a"}] * 200_000}
    crowd = asyncio.create_task(router.http.post("/v1/chat/completions", json=document))
    await router.under_way()
    assert (await router.chat()).status_code == 200
    refused = await crowd
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_many_messages")
    assert len(provider.seen) == 1
    assert router.ledger.story(refused).request["ending"] == "rejected"


async def test_an_unknown_path_leaves_the_connection_usable(router: RunningRouter) -> None:
    line = await router.line()
    for _ in range(5):
        await line.post({"input": "x" * 100_000}, "/v1/embeddings")
        status, headers, body = await line.reply()
        assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
        assert headers["x-request-id"]
    await line.post(ask())
    assert (await line.reply())[0] == 200
    line.leave()
    assert router.ledger.count("request") == 1


async def test_http_1_0_and_chunked_requests_are_answered(router: RunningRouter) -> None:
    line = await router.line()
    body = json.dumps(ask()).encode()
    line.writer.write(
        b"POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )
    assert (await line.rest()).startswith(b"HTTP/1.1 200")
    line.leave()

    async def parts() -> Any:
        yield body[:20]
        yield body[20:]

    reply = await router.http.post(
        "/v1/chat/completions", content=parts(), headers={"content-type": "application/json"}
    )
    assert isinstance(reply, httpx.Response)
    assert reply.status_code == 200
