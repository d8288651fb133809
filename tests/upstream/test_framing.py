"""Where a reply ends, and what may not pass for one.

Whatever holds for httpx's own connections holds for the lean ones; where these are stricter or
safer, the test says so.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import pytest

from llmrouter.upstream.client import HttpUpstream
from tests.provider import STALL, Provider, answer, raw
from tests.upstream.calling import call, fault, fetch

OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"content-length: 2\r\n\r\n{}"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(OK + TWO, id="length"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n" + LAST, id="chunked"),
        pytest.param(CHUNKED + b"2;a=1\r\n{}\r\n" + LAST, id="a chunk's extension"),
        pytest.param(CHUNKED + b"2  \r\n{}\r\n" + LAST, id="a padded chunk size"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\nx-sum: 1\r\n\r\n", id="trailers"),
        pytest.param(
            OK + b"content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n" + LAST,
            id="chunked wins over a length",
        ),
        pytest.param(OK + b"transfer-encoding: CHUNKED\r\n\r\n2\r\n{}\r\n" + LAST, id="capitals"),
        pytest.param(b"HTTP/1.1 200\r\n" + TWO, id="no reason"),
        pytest.param(b"HTTP/1.0 200 OK\r\n" + TWO, id="1.0 with a length"),
        pytest.param(b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", id="line feeds alone"),
        pytest.param(OK + b"x: \xe4\r\nempty:\r\n" + TWO, id="Latin-1"),
        pytest.param(OK + b"upgrade: h2c\r\nconnection: upgrade\r\n" + TWO, id="offers an upgrade"),
        pytest.param(OK + b"connection: keep-alive, close\r\n" + TWO, id="closes"),
        pytest.param(b"HTTP/1.1 103 Hints\r\nlink: a\r\n\r\n" + OK + TWO, id="103 before"),
        pytest.param(OK + b"x: " + b"y" * 90_000 + b"\r\n" + TWO, id="90 kB of header"),
    ],
)
@pytest.mark.parametrize("by_byte", [False, True], ids=["at once", "byte by byte"])
async def test_the_end_of_a_reply_is_found_while_the_connection_stays_open(
    provider: Provider, upstream: HttpUpstream, reply: bytes, by_byte: bool
) -> None:
    pieces = [reply[i : i + 1] for i in range(len(reply))] if by_byte else [reply]
    if len(pieces) > 1_000:
        pieces = [reply[i : i + 997] for i in range(0, len(reply), 997)]
    provider.on("m", raw(*pieces, STALL))
    fetched = await fetch(upstream, call(provider.base_url))
    assert (fetched.status, fetched.body) == (200, b"{}")
    assert "link" not in fetched.headers


@pytest.mark.parametrize(
    ("reply", "phase"),
    [
        (OK + b"content-length: 2, 3\r\n\r\n{}", "headers"),
        (OK + b"content-length: +2\r\n\r\n{}", "headers"),
        (OK + b"content-length: -2\r\n\r\n{}", "headers"),
        (OK + b"content-length: 0x2\r\n\r\n{}", "headers"),
        (OK + b"content-length:\r\n\r\n{}", "headers"),
        (OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n" + LAST, "headers"),
        (OK + b"transfer-encoding: identity\r\n\r\n{}", "headers"),
        (OK + b"transfer-encoding: chunked\r\n" * 2 + b"\r\n2\r\n{}\r\n" + LAST, "headers"),
        (OK + b"x : a\r\n" + TWO, "headers"),
        (OK + b" x: a\r\n" + TWO, "headers"),
        (OK + b": a\r\n" + TWO, "headers"),
        (OK + b"x\r\n" + TWO, "headers"),
        (OK + b"x: a\0b\r\n" + TWO, "headers"),
        (OK + b"x: a\rb\r\n" + TWO, "headers"),
        (b"\r\n" + OK + TWO, "headers"),
        (b"http/1.1 200 OK\r\n" + TWO, "headers"),
        (b"HTTP/2 200 OK\r\n" + TWO, "headers"),
        (b"HTTP/1.1 099 Low\r\n" + TWO, "headers"),
        (b"HTTP/1.1 2000 High\r\n" + TWO, "headers"),
        (b"HTTP/1.1 101 Switch\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nabc", "headers"),
        (CHUNKED + b"-2\r\n{}\r\n" + LAST, "body"),
        (CHUNKED + b" 2\r\n{}\r\n" + LAST, "body"),
        (CHUNKED + b"2\r\n{}xx" + LAST, "body"),
        (CHUNKED + b"f" * 21 + b"\r\n{}\r\n" + LAST, "body"),
        (CHUNKED + b"\r\n\r\n", "body"),
    ],
)
async def test_framing_that_can_be_read_in_two_ways_is_refused(
    provider: Provider, upstream: HttpUpstream, reply: bytes, phase: str
) -> None:
    provider.on("m", raw(reply, STALL), answer())
    error = await fault(upstream, call(provider.base_url))
    assert (error.kind, error.phase) == ("bad_body", phase)
    assert (await fetch(upstream, call(provider.base_url))).status == 200
    assert provider.connections == 2


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(OK + b"content-length: 2\r\n" + TWO, id="a length twice"),
        pytest.param(OK + b"x: a\r\n b\r\n" + TWO, id="a folded header"),
        pytest.param(CHUNKED + b"2\n{}\n0\n\n", id="line feeds between chunks"),
        pytest.param(OK + b"x: " + b"y" * 101 * 1024 + b"\r\n" + TWO, id="101 kB of header"),
    ],
)
async def test_the_lean_connection_refuses_more(provider: Provider, reply: bytes) -> None:
    upstream = HttpUpstream(client="lean")
    provider.on("m", raw(reply, STALL))
    error = await fault(upstream, call(provider.base_url))
    await upstream.aclose()
    assert error.kind == "bad_body"


@pytest.mark.parametrize("extra", [OK + b"content-length: 2\r\n\r\n[]", b"EXTRA"])
@pytest.mark.parametrize("together", [True, False])
async def test_what_stands_behind_a_reply_is_no_reply_to_the_next_request(
    provider: Provider, extra: bytes, together: bool
) -> None:
    # httpx's own connections would take the first of these for the next reply.
    upstream = HttpUpstream(client="lean")
    pieces = [OK + TWO + extra] if together else [OK + TWO, extra]
    provider.on("m", raw(*pieces, STALL), answer())
    assert (await fetch(upstream, call(provider.base_url))).body == b"{}"
    if not together:
        async with asyncio.timeout(10):
            await provider.seen[0].gone.wait()
    assert (await fetch(upstream, call(provider.base_url))).body.startswith(b'{"')
    await upstream.aclose()


async def test_a_slow_reader_slows_the_provider_down(
    provider: Provider, upstream: HttpUpstream
) -> None:
    size = 2**25
    provider.on("m", raw(OK + b"content-length: %d\r\n\r\n" % size + b"x" * size))
    async with aclosing(await upstream.send(call(provider.base_url, max_body_bytes=size))) as reply:
        chunks = reply.chunks()
        received = len(await anext(chunks))
        for _ in range(50):  # whatever wants to arrive
            await asyncio.sleep(0)
        largest = len(await anext(chunks))
        received += largest
        received += sum([len(data) async for data in chunks])
    assert received == size
    assert largest < 2**20


async def test_an_answer_that_comes_before_the_upload_is_over_is_read() -> None:
    upstream = HttpUpstream(client="lean")  # httpx's own goes on writing, until its time is up
    over = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Large\r\ncontent-length: 2\r\n\r\nno")
        with suppress(ConnectionResetError):
            while await reader.read(2**16):  # until the router gives up the rest
                pass
        writer.close()
        over.set()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        fetched = await fetch(upstream, call(f"http://127.0.0.1:{port}", body=b"x" * 2**26))
        async with asyncio.timeout(10):
            await over.wait()
        await upstream.aclose()
    assert (fetched.status, fetched.body) == (413, b"no")
