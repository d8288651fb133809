"""Everything that goes wrong between the router and a provider."""

from __future__ import annotations

import asyncio
import gzip
import resource
import socket
import zlib
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

import pytest

from llmrouter.upstream import lean, network
from llmrouter.upstream.client import HttpUpstream
from tests.provider import (
    CLOSE,
    HTTP_2_SETTINGS,
    RESET,
    STALL,
    Provider,
    Script,
    body,
    drop,
    hang,
    raw,
    stream,
)
from tests.upstream.calling import call, fault, fetch

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("script", "kind", "phase"),
    [
        pytest.param(drop(CLOSE), "reset", "headers", id="7 closed before headers"),
        pytest.param(drop(RESET), "reset", "headers", id="7 reset before headers"),
        pytest.param(raw(b"HTTP/1.1 200", CLOSE), "reset", "headers", id="7 closed in headers"),
        pytest.param(raw(CHUNKED, RESET), "reset", "body", id="9 reset before a token"),
        pytest.param(stream("one", RESET), "reset", "body", id="13 reset mid-stream"),
        pytest.param(stream("one", CLOSE), "truncated", "body", id="13 closed mid-stream"),
        pytest.param(raw(CHUNKED + b"5\r\nhel"), "truncated", "body", id="10 cut in a chunk"),
        pytest.param(
            raw(OK + b'content-length: 50\r\n\r\n{"a"'), "truncated", "body", id="10 short body"
        ),
        pytest.param(raw(b"\x15\x03\x01\x00\x02\x02"), "bad_body", "headers", id="16 no HTTP"),
        pytest.param(raw(CHUNKED + b"xyz\r\nhello\r\n"), "bad_body", "body", id="16 bad chunk"),
        pytest.param(
            raw(OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
            "bad_body",
            "headers",
            id="16 two lengths",
        ),
        pytest.param(
            raw(OK + b"x-big: " + b"x" * 2**18 + b"\r\n\r\n"),
            "bad_body",
            "headers",
            id="16 256 kB of header",
        ),
        pytest.param(
            body(b"\x1f\x8b broken", headers={"content-encoding": "gzip"}),
            "bad_body",
            "body",
            id="16 corrupt gzip",
        ),
        pytest.param(
            body(gzip.compress(b"x" * 999)[:-9], headers={"content-encoding": "gzip"}),
            "truncated",
            "body",
            id="10 cut gzip",
        ),
        pytest.param(
            body(b"?", headers={"content-encoding": "br"}), "bad_body", "headers", id="19 brotli"
        ),
        pytest.param(raw(HTTP_2_SETTINGS), "bad_body", "headers", id="19b HTTP/2"),
        pytest.param(body(b"x" * 9_001), "too_large", "body", id="20 a large body"),
        pytest.param(
            body(gzip.compress(b"x" * 10**8), headers={"content-encoding": "gzip"}),
            "too_large",
            "body",
            id="20 gzip bomb",
        ),
    ],
)
async def test_a_bad_reply_is_a_failed_attempt(
    provider: Provider, upstream: HttpUpstream, script: Script, kind: str, phase: str
) -> None:
    provider.on("m", script)
    error = await fault(upstream, call(provider.base_url, max_body_bytes=9_000))
    assert (error.kind, error.phase) == (kind, phase)
    assert "sk-test" not in error.message
    assert len(provider.seen) == 1


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(
            body(gzip.compress(b"hello"), headers={"content-encoding": "gzip"}),
            b"hello",
            id="19 gzip",
        ),
        pytest.param(
            body(zlib.compress(b"hello"), headers={"content-encoding": "deflate"}),
            b"hello",
            id="19 deflate",
        ),
        pytest.param(raw(b"HTTP/1.0 200 OK\r\n\r\nhello"), b"hello", id="19 HTTP/1.0"),
        pytest.param(
            raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + CHUNKED
                + b"5\r\nhello\r\n0\r\n\r\n"),
            b"hello",
            id="19 100 and 103",
        ),
        pytest.param(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), b"", id="15 204"),
        pytest.param(body(b"x" * 9_000), b"x" * 9_000, id="20 just small enough"),
    ],
)  # fmt: skip
async def test_an_odd_reply_is_complete(
    provider: Provider, upstream: HttpUpstream, script: Script, expected: bytes
) -> None:
    provider.on("m", script)
    fetched = await fetch(upstream, call(provider.base_url, max_body_bytes=9_000))
    assert fetched.body == expected


@pytest.mark.parametrize("client", ["lean"])
async def test_a_provider_that_speaks_http_2_alone_is_named_as_such(
    provider: Provider, upstream: HttpUpstream
) -> None:
    provider.on("m", raw(HTTP_2_SETTINGS))
    error = await fault(upstream, call(provider.base_url))
    assert "HTTP/2, which this router does not speak" in error.message


@pytest.mark.parametrize(
    "script", [hang(), raw(b"HTTP/1.1 200 OK\r\nx: ", STALL)], ids=["silent", "stalled in headers"]
)
async def test_headers_have_their_own_clock(
    provider: Provider, upstream: HttpUpstream, script: Script
) -> None:
    provider.on("m", script)
    error = await fault(upstream, call(provider.base_url, connect_s=9.0, headers_s=0.05))
    assert (error.kind, error.phase) == ("timeout", "headers")
    assert error.message == "no headers within 0.05 s"
    async with asyncio.timeout(10):
        await provider.seen[0].gone.wait()


@pytest.mark.parametrize("was_s", [0.2, 9.0])
async def test_each_call_on_a_connection_has_its_own_time(
    provider: Provider, upstream: HttpUpstream, was_s: float
) -> None:
    await fetch(upstream, call(provider.base_url, headers_s=was_s))
    provider.on("m", hang())
    error = await fault(upstream, call(provider.base_url, headers_s=0.3))
    assert (error.kind, error.message) == ("timeout", "no headers within 0.3 s")
    assert provider.connections == 1


async def test_the_time_of_a_call_that_is_over_is_no_other_call_s(
    provider: Provider, upstream: HttpUpstream
) -> None:
    await fetch(upstream, call(provider.base_url, headers_s=0.1))
    provider.on("m", hang())
    waiting = asyncio.create_task(fault(upstream, call(provider.base_url, headers_s=9.0)))
    await asyncio.wait({waiting}, timeout=0.25)
    assert not waiting.done()
    waiting.cancel()


async def test_a_body_has_no_clock_here(provider: Provider, upstream: HttpUpstream) -> None:
    more = asyncio.Event()
    provider.on("m", stream(more, "x"))
    async with aclosing(
        await upstream.send(call(provider.base_url, connect_s=0.1, headers_s=0.1))
    ) as reply:
        reading = asyncio.create_task(anext(reply.chunks()))
        await asyncio.wait({reading}, timeout=0.25)
        assert not reading.done()
        more.set()
        assert b"x" in await reading


async def test_an_upload_that_stalls_is_given_up(upstream: HttpUpstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as never_read:
        port = never_read.getsockname()[1]
        made = call(f"http://127.0.0.1:{port}", body=b"x" * 2**24, headers_s=0.05)
        error = await fault(upstream, made)
    assert (error.kind, error.phase) == ("timeout", "send")


async def test_reset_right_after_the_connection_opened(
    provider: Provider, upstream: HttpUpstream
) -> None:
    provider.on_connect(drop(RESET))
    error = await fault(upstream, call(provider.base_url))
    assert error.kind == "reset"
    assert error.phase in ("send", "headers")


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_a_refused_connection(upstream: HttpUpstream, unused_port: int) -> None:
    error = await fault(upstream, call(f"http://127.0.0.1:{unused_port}"))
    assert (error.kind, error.phase) == ("connect", "connect")
    assert f"'127.0.0.1', {unused_port}" in error.message


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue is full: further connections neither open nor fail."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
        for sock in waiting:
            sock.close()


async def test_a_connection_that_hangs(upstream: HttpUpstream, deaf_port: int) -> None:
    error = await fault(
        upstream, call(f"http://127.0.0.2:{deaf_port}", connect_s=0.05, headers_s=9.0)
    )
    assert (error.kind, error.phase) == ("timeout", "connect")
    assert error.message == "no connection within 0.05 s"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("ftp://127.0.0.1/v1", {}),
        ("http://[::1", {}),
        ("http://127.0.0.1:1/v1", {"authorization": "Bearer sk-test\n"}),
        ("http://127.0.0.1:1/v1", {"authorization": "Bearer sk-test…"}),
    ],
)
async def test_what_cannot_be_sent_is_said_without_the_key(
    upstream: HttpUpstream, url: str, headers: dict[str, str]
) -> None:
    error = await fault(upstream, call(url, headers=headers))
    assert error.kind == "connect"
    assert "sk-test" not in error.message + str(error)


async def test_headers_that_were_sent_before_are_looked_at_again(
    provider: Provider, upstream: HttpUpstream
) -> None:
    """The same bytes: once as two headers, once as one that pretends to be two."""
    await fetch(upstream, call(provider.base_url, headers={"x-one": "1", "x-two": "2"}))
    error = await fault(upstream, call(provider.base_url, headers={"x-one": "1\r\nx-two: 2"}))
    assert (error.kind, error.phase) == ("connect", "send")
    assert len(provider.seen) == 1


@contextmanager
def no_file_left() -> Iterator[None]:
    """As if this process had opened all the files that it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as next_free:
        lowest = next_free.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_connection_that_this_machine_cannot_make_is_not_the_provider_s_fault(
    host: str, upstream: HttpUpstream, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ("127.0.0.1", "::1") if host == "localhost" else ("127.0.0.1",)

    async def addresses(_host: str, _port: int) -> tuple[str, ...]:
        return found

    for module in (lean, network):
        monkeypatch.setattr(module, "resolve", addresses)
    with no_file_left():
        error = await fault(upstream, call(f"http://{host}:{unused_port}"))
    assert (error.kind, error.phase) == ("exhausted", "connect")
    assert error.message.startswith("the router has no connection left")
