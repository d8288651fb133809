"""What either kind of connections refuses to read, and what no reply may pretend."""

from __future__ import annotations

import pytest
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.settings.values import HttpServer
from llmrouter.web.asgi import Receive, Scope, Send, header_mapping
from llmrouter.web.lean_request import BadRequest, read_head
from tests.web.serving import (
    CLOSE,
    HOST,
    Echo,
    chunked,
    part,
    post,
    serving,
    start,
    whole_body,
)

AMBIGUOUS = {
    "no host": b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "two lengths": post(b"x", b"Content-Length: 2\r\n"),
    "no number": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx",
    "below zero": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\nx",
    "another coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "coding in disguise": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "two codings": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n",
    "space before the colon": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 1\r\n\r\nx",
    "no name": b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n\r\n",
    "nul": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
    "folded at once": b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "spaces in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes in the target": b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no http": b"hello\r\n\r\n",
    "chunk size": chunked(end=b"zz\r\n\r\n"),
    "negative chunk": chunked(end=b"-1\r\nx\r\n0\r\n\r\n"),
    "longer than its chunk": chunked(end=b"1\r\nxy\r\n0\r\n\r\n"),
}

LEAN_REFUSES = {
    "another version": b"GET / HTTP/0.9\r\n" + HOST + b"\r\n",
    "folded": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "a bare line feed": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\nY: b\r\n\r\n",
    "length and coding": post(b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
    "the same length twice": post(b"x", b"Content-Length: 1\r\n"),
    "lines of trailers": chunked(end=b"0\r\n" + b"x: y\r\n" * 10_000),
    "a chunk's extension": chunked(end=b"1;" + b"x" * 40_000 + b"\r\nx\r\n0\r\n\r\n"),
}
"""What h11 reads in one way, though others might read it in another."""


@pytest.mark.parametrize("case", AMBIGUOUS)
async def test_what_cannot_be_read_or_could_be_read_in_two_ways_is_refused(
    kind: HttpServer, case: str
) -> None:
    echo = Echo()
    async with serving(echo, kind) as server:
        answer = await server.exchange(AMBIGUOUS[case] + post(b"smuggled"))
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 501", b"HTTP/1.1 505"), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer
    assert b"smuggled" not in echo.bodies


@pytest.mark.parametrize("case", LEAN_REFUSES)
async def test_lean_connections_refuse_more(case: str) -> None:
    echo = Echo()
    async with serving(echo, "lean") as server:
        answer = await server.exchange(LEAN_REFUSES[case] + post(b"smuggled"))
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 505"), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert echo.bodies in ([], [b""])


async def test_what_follows_a_chunked_body_at_once_is_not_read(kind: HttpServer) -> None:
    echo = Echo()
    async with serving(echo, kind) as server:
        line = await server.line()
        line.writer.write(chunked(b"one") + post(b"two", CLOSE))
        assert (await line.reply())[2] == b"one"
        rest = await line.rest()
        line.leave()
    assert echo.bodies == ([b"one"] if kind == "lean" else [b"one", b"two"])
    assert rest.endswith(b"two") is (kind == "stock")


async def test_a_head_may_be_so_long(kind: HttpServer) -> None:
    async with serving(Echo(), kind) as server:
        long = b"X: " + b"y" * 12_000 + b"\r\n"
        assert (await server.exchange(post(b"x", long, CLOSE))).startswith(b"HTTP/1.1 200")
        endless = await server.exchange(b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000)
        assert endless.startswith(b"HTTP/1.1 431")


FRAGMENTS = (
    b"\r\n", b"\n", b"\r", b":", b" ", b"\t", b",", b"a", b"\xe4", b"\x85", b"\xa0", b"\x0b",
    b"\x1c", b"\0", b"X-A: b \r\n", b"x-a:\t c:d\r\n", b"\r\nY:",
    b"Connection: upgrade\r\nUpgrade: x\r\n",
)  # fmt: skip


@given(
    st.sampled_from([b"GET /a HTTP/1.1\r\n", b"GET  http://a:1/ HTTP/1.1\r\n"]),
    st.lists(st.sampled_from(FRAGMENTS), max_size=9).map(b"".join),
)
def test_the_headers_of_a_head_are_those_that_its_parser_finds(line: bytes, fields: bytes) -> None:
    head, end, _ = (line + HOST + fields + b"\r\n\r\n").partition(b"\r\n\r\n")
    found: list[tuple[bytes, bytes]] = []

    class Found:
        def on_header(self, name: bytes, value: bytes) -> None:
            found.append((name.lower(), value.strip()))

    try:
        HttpRequestParser(Found()).feed_data(head + end)
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        with pytest.raises(BadRequest):
            read_head(head + end)
        return
    assert read_head(head + end).headers == header_mapping(found)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\0b"])
async def test_a_header_cannot_pretend_to_be_two(kind: HttpServer, value: bytes) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await whole_body(receive)
        await send(start(200, (b"x", value)))
        await send(part(b"Hello"))

    async with serving(app, kind) as server:
        answer = await server.exchange(post(b"x"))
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"set-cookie" not in answer
