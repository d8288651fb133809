"""Calls that reach their provider."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import httpx
import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import AttemptError
from llmrouter.settings.values import HttpClient
from llmrouter.upstream.client import HttpUpstream
from llmrouter.upstream.plain import PlainCarrier
from tests.provider import (
    CLOSE,
    DONE,
    RESET,
    STALL,
    Provider,
    Seen,
    Wire,
    answer,
    drop,
    raw,
    stream,
)
from tests.upstream.calling import call, fault, fetch


async def test_the_request_arrives_as_it_was_made(
    provider: Provider, upstream: HttpUpstream
) -> None:
    made = call(provider.base_url, body=b'{"model": "m", "x": "\xc3\xa9"}')
    fetched = await fetch(upstream, made)
    assert fetched.status == 200
    (seen,) = provider.seen
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.body == made.body
    assert seen.headers["authorization"] == "Bearer sk-test"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("llmrouter/")
    assert seen.headers["host"] == f"127.0.0.1:{provider.port}"


async def test_any_status_is_a_reply(provider: Provider, upstream: HttpUpstream) -> None:
    reply = (
        b"HTTP/1.1 418 Teapot\r\nX-Request-ID: r1\r\nRetry-After: 3\r\ncontent-length: 2\r\n\r\nno"
    )
    provider.on("m", raw(reply))
    fetched = await fetch(upstream, call(provider.base_url))
    assert (fetched.status, fetched.body) == (418, b"no")
    assert (fetched.headers["x-request-id"], fetched.headers["retry-after"]) == ("r1", "3")


async def test_chunks_come_as_they_arrive(provider: Provider, upstream: HttpUpstream) -> None:
    more = asyncio.Event()
    provider.on("m", stream("one", more, "two", DONE))
    async with aclosing(await upstream.send(call(provider.base_url))) as reply:
        chunks = reply.chunks()
        first = await anext(chunks)
        assert b"one" in first
        more.set()
        rest = b"".join([data async for data in chunks])
    assert b"two" in rest
    assert rest.endswith(DONE)


async def test_a_connection_is_used_again(provider: Provider, upstream: HttpUpstream) -> None:
    first = await fetch(upstream, call(provider.base_url))
    second = await fetch(upstream, call(provider.base_url))
    assert provider.connections == 1
    assert first.connect_us is not None
    assert first.connect_us <= first.headers_us
    assert second.connect_us is None
    assert not second.reconnected


async def test_durations_are_those_of_the_clock(provider: Provider, client: HttpClient) -> None:
    clock = FakeClock()

    async def slowly(wire: Wire, seen: Seen) -> None:
        clock.advance(1.5)
        await answer()(wire, seen)

    provider.on("m", slowly)
    upstream = HttpUpstream(client=client, clock=clock)
    fetched = await fetch(upstream, call(provider.base_url))
    await upstream.aclose()
    assert (fetched.connect_us, fetched.headers_us) == (0, 1_500_000)


async def test_redirects_are_not_followed(provider: Provider, upstream: HttpUpstream) -> None:
    target = f"http://127.0.0.1:{provider.port}/elsewhere"
    provider.on(
        "m", raw(f"HTTP/1.1 307 No\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode())
    )
    fetched = await fetch(upstream, call(provider.base_url))
    assert (fetched.status, fetched.headers["location"]) == (307, target)
    assert len(provider.seen) == 1


async def test_nothing_is_taken_from_the_environment_or_kept_between_calls(
    provider: Provider, upstream: HttpUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    provider.on("m", answer(headers={"set-cookie": "a=b; Path=/"}))
    for _ in range(2):
        await fetch(upstream, call(provider.base_url))
    assert all("cookie" not in seen.headers for seen in provider.seen)


async def test_leaving_stops_the_provider(provider: Provider, upstream: HttpUpstream) -> None:
    provider.on("m", stream("one", STALL))
    async with aclosing(await upstream.send(call(provider.base_url))) as reply:
        await anext(reply.chunks())
    async with asyncio.timeout(10):
        await provider.seen[0].gone.wait()


@pytest.mark.parametrize("steps", [(), ("one",)], ids=["before the headers", "mid-stream"])
async def test_cancelling_stops_the_provider(
    provider: Provider, upstream: HttpUpstream, steps: tuple[str, ...]
) -> None:
    provider.on("m", stream(*steps, STALL) if steps else raw(STALL))
    task = asyncio.create_task(fetch(upstream, call(provider.base_url)))
    seen = await provider.arrived(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        await seen.gone.wait()


async def test_a_reply_that_is_never_read_is_let_go(
    provider: Provider, upstream: HttpUpstream
) -> None:
    provider.on("m", stream("one", STALL), answer())
    async with aclosing(await upstream.send(call(provider.base_url))):
        pass
    assert (await fetch(upstream, call(provider.base_url))).status == 200


async def test_many_calls_run_at_once(provider: Provider, upstream: HttpUpstream) -> None:
    go = asyncio.Event()
    provider.on("m", stream(go, "x", DONE))
    calls = [asyncio.create_task(fetch(upstream, call(provider.base_url))) for _ in range(110)]
    await provider.arrived(110)
    go.set()
    assert all(b"[DONE]" in fetched.body for fetched in await asyncio.gather(*calls))


def closes_when_used_again(*steps: bytes, reset: bool) -> object:
    """Answers the first request of a connection, and breaks off at the second one."""

    async def script(wire: Wire, seen: Seen) -> None:
        if seen.nth == 1:
            await answer()(wire, seen)
        else:
            await raw(*steps, RESET if reset else CLOSE)(wire, seen)

    return script


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_was_closed_while_idle_is_replaced_once(
    provider: Provider, upstream: HttpUpstream, reset: bool
) -> None:
    provider.on("m", closes_when_used_again(reset=reset))  # type: ignore[arg-type]
    await fetch(upstream, call(provider.base_url))
    again = await fetch(upstream, call(provider.base_url))
    assert (again.status, again.reconnected) == (200, True)
    assert again.connect_us is not None
    assert (provider.connections, len(provider.seen)) == (2, 3)


async def test_the_replacement_is_not_replaced(provider: Provider, upstream: HttpUpstream) -> None:
    provider.on("m", answer(), drop())
    await fetch(upstream, call(provider.base_url))
    error = await fault(upstream, call(provider.base_url))
    assert (error.kind, error.phase) == ("reset", "headers")
    assert len(provider.seen) == 3


async def test_an_answer_that_has_begun_is_not_asked_for_again(
    provider: Provider, upstream: HttpUpstream
) -> None:
    provider.on("m", closes_when_used_again(b"HTTP/1.1 2", reset=False))  # type: ignore[arg-type]
    await fetch(upstream, call(provider.base_url))
    error = await fault(upstream, call(provider.base_url))
    assert (error.kind, error.phase) == ("reset", "headers")
    assert len(provider.seen) == 2


async def test_a_connection_seen_to_be_closed_is_passed_over(
    provider: Provider, upstream: HttpUpstream
) -> None:
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    provider.on("m", raw(reply), answer())
    await fetch(upstream, call(provider.base_url))
    await asyncio.sleep(0)  # lets the end of the connection arrive
    again = await fetch(upstream, call(provider.base_url))
    assert again.status == 200
    assert provider.connections == 2


async def test_another_transport_can_be_put_in() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json={"model": json.loads(request.content)["model"]})

    upstream = HttpUpstream(carrier=PlainCarrier(httpx.MockTransport(reply)))
    fetched = await fetch(upstream, call("https://somewhere.example/v1", "x"))
    assert (fetched.status, json.loads(fetched.body)) == (201, {"model": "x"})
    await upstream.aclose()


async def test_another_transports_errors_are_read_too() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no way")

    upstream = HttpUpstream(carrier=PlainCarrier(httpx.MockTransport(refuse)))
    with pytest.raises(AttemptError) as caught:
        await fetch(upstream, call("http://somewhere.example/v1"))
    assert (caught.value.kind, caught.value.phase) == ("connect", "connect")
