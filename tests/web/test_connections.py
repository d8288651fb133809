"""HTTP/1.1 as clients meet it: the same with the router's own connections and with Hypercorn's."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from pathlib import Path

import httpx
import pytest
from hypercorn.config import Config

from llmrouter.settings.values import EventLoop, HttpServer
from llmrouter.web.asgi import Message, Receive, Scope, Send
from llmrouter.web.loops import loop_factory
from tests.running import Line
from tests.web.serving import (
    CLOSE,
    HOST,
    Echo,
    chunked,
    part,
    post,
    reply,
    serving,
    start,
    whole_body,
)

CERTIFICATES = Path(__file__).parents[1] / "upstream" / "certificates"


async def test_the_application_is_told_what_was_asked(kind: HttpServer) -> None:
    echo = Echo()
    async with serving(echo, kind) as server:
        line = await server.line()
        line.writer.write(post(b"Hello", b"X-Mixed: Case  \r\n"))
        status, headers, body = await line.reply()
        own = line.writer.get_extra_info("sockname")
        line.leave()
    assert (status, body) == (200, b"Hello")
    assert "date" in headers
    (scope,) = echo.scopes
    told = {k: scope[k] for k in ("method", "path", "raw_path", "query_string", "http_version")}
    assert told == {
        "method": "POST",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=d",
        "http_version": "1.1",
    }
    assert (scope["scheme"], scope["client"], scope["server"][1]) == ("http", own, server.port)
    assert (b"x-mixed", b"Case") in scope["headers"]


@pytest.mark.parametrize("request_bytes", [post(b"Hello"), chunked(b"Hel", b"lo")])
async def test_a_request_may_come_in_pieces(kind: HttpServer, request_bytes: bytes) -> None:
    echo = Echo()
    async with serving(echo, kind) as server:
        line = await server.line()
        for at in range(1, len(request_bytes)):
            line.writer.write(request_bytes[:at])
            await asyncio.sleep(0)
            line.writer.write(request_bytes[at:])
            status, _, body = await line.reply()
            assert (status, body) == (200, b"Hello"), at
        line.leave()
    assert set(echo.bodies) == {b"Hello"}


async def test_requests_that_come_at_once_are_answered_in_turn(kind: HttpServer) -> None:
    async with serving(Echo(), kind) as server:
        line = await server.line()
        line.writer.write(post(b"one") + post(b"two") + post(b"three"))
        assert [(await line.reply())[2] for _ in range(3)] == [b"one", b"two", b"three"]
        line.leave()


@pytest.mark.parametrize(
    ("request_bytes", "stays_open"),
    [
        (post(b"x"), True),
        (post(b"x", CLOSE), False),
        (b"GET / HTTP/1.0\r\n" + HOST + b"\r\n", False),
        (b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n", False),
    ],
)
async def test_a_connection_stays_open_unless_the_client_says_otherwise(
    kind: HttpServer, request_bytes: bytes, stays_open: bool
) -> None:
    async with serving(Echo(), kind) as server:
        line = await server.line()
        line.writer.write(request_bytes)
        _, headers, _ = await line.reply()
        assert ("close" in headers.get("connection", "")) is not stays_open
        if not stays_open:
            assert await line.rest() == b""
        line.leave()


async def test_a_connection_carries_a_limited_number_of_requests(kind: HttpServer) -> None:
    def two(config: Config) -> None:
        config.keep_alive_max_requests = 2

    async with serving(Echo(), kind, two) as server:
        line = await server.line()
        for connection in (None, "close"):
            line.writer.write(post(b"x"))
            assert (await line.reply())[1].get("connection") == connection
        assert await line.rest() == b""
        line.leave()


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(kind: HttpServer) -> None:
    def soon(config: Config) -> None:
        config.keep_alive_timeout = 0.05

    idle = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await whole_body(receive)
        await idle.wait()
        await reply(send, b"late")

    async with serving(app, kind, soon) as server:
        busy = await server.line()
        busy.writer.write(post(b"x"))
        assert await server.exchange(b"") == b""  # never said anything
        assert await server.exchange(b"POST / HTTP/1.1\r\n") == b""
        idle.set()
        assert (await busy.reply())[2] == b"late"
        assert await busy.rest() == b""
        busy.leave()


@pytest.mark.parametrize("length", [None, 5])
async def test_a_reply_to_head_has_no_body(kind: HttpServer, length: int | None) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [] if length is None else [(b"content-length", str(length).encode())]
        await send(start(200, *headers))
        await send(part(b"Hello"))

    async with serving(app, kind) as server:
        answer = await server.exchange(b"HEAD / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert (b"content-length: 5" in head) is (length is not None)
    assert body == b""


async def test_a_body_of_unknown_length_comes_in_chunks(kind: HttpServer) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"text/plain")))
        for data in (b"Hello, ", b"", b"x" * 100_000):
            await send(part(data, more=True))
        await send(part(b"!"))

    async with serving(app, kind) as server:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
            answer = await http.get("/")
            assert answer.headers["transfer-encoding"] == "chunked"
            assert answer.content == b"Hello, " + b"x" * 100_000 + b"!"
        old = await server.exchange(b"GET / HTTP/1.0\r\n\r\n")
    assert old.endswith(b"\r\n\r\nHello, " + b"x" * 100_000 + b"!")


async def test_a_client_that_asks_first_is_told_to_go_on(kind: HttpServer) -> None:
    async with serving(Echo(), kind) as server:
        line = await server.line()
        head, _, body = post(b"Hello", b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
        line.writer.write(head + b"\r\n\r\n")
        assert (await line.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        line.writer.write(body)
        assert (await line.reply())[2] == b"Hello"
        line.leave()


@pytest.mark.parametrize("request_bytes", [post(b"x", b"Connection: Upgrade\r\nUpgrade: h2c\r\n")])
async def test_an_offer_to_change_the_protocol_is_declined(
    kind: HttpServer, request_bytes: bytes
) -> None:
    async with serving(Echo(), kind) as server:
        line = await server.line()
        for _ in range(2):
            line.writer.write(request_bytes)
            assert (await line.reply())[2] == b"x"
        line.leave()


async def test_leaving_is_noticed_at_once(kind: HttpServer) -> None:
    for how in ("reset", "half closed"):
        told: asyncio.Queue[Message] = asyncio.Queue()
        arrived = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await whole_body(receive)
            arrived.set()  # noqa: B023 -- the server ends with the round
            told.put_nowait(await receive())  # noqa: B023

        async with serving(app, kind) as server:
            line = await server.line()
            line.writer.write(post(b"x"))
            await arrived.wait()
            if how == "reset":
                line.leave()
            else:
                line.writer.write_eof()
            async with asyncio.timeout(5):
                assert (await told.get())["type"] == "http.disconnect", how
            line.leave()


@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_a_request_behind_one_whose_client_has_left_is_not_begun(loop: EventLoop) -> None:
    begun: list[Scope] = []

    async def answer_behind_a_reset() -> None:
        has_begun, may_end = asyncio.Event(), asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            begun.append(scope)
            has_begun.set()
            await may_end.wait()
            await reply(send, b"nobody reads this")

        async with serving(app, "lean") as server:
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(post(b"one") + post(b"two"))
                await has_begun.wait()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            may_end.set()  # the reply is written before the loop looks at the connection again

    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        runner.run(answer_behind_a_reset())
    assert len(begun) == 1


async def test_an_application_waits_for_a_slow_reader(kind: HttpServer) -> None:
    sent = 0
    left = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await whole_body(receive)
        leaving = asyncio.create_task(receive())
        await send(start(200))
        while not leaving.done():
            await send(part(b"x" * 1_000_000, more=True))
            sent += 1
            await asyncio.sleep(0)  # Hypercorn's connections do not let others run here
        left.set()

    async with serving(app, kind) as server:
        line = await server.line()
        line.writer.write(post(b"x"))
        await line.until(b"\r\n\r\n")
        await _settled(lambda: sent)
        assert sent < 50  # what fits into the buffers on the way
        line.leave()
        async with asyncio.timeout(5):
            await left.wait()


@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_what_is_sent_to_a_slow_reader_that_leaves_goes_nowhere(loop: EventLoop) -> None:
    async def send_to_a_slow_reader() -> int:
        sent, has_ended = 0, asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal sent
            await whole_body(receive)
            await send(start(200))
            for _ in range(50):
                await send(part(b"x" * 1_000_000, more=True))
                sent += 1
            await send(part(b""))
            has_ended.set()

        async with serving(app, "lean") as server:
            line = await server.line()
            line.writer.write(post(b"x"))
            await line.until(b"\r\n\r\n")
            await _settled(lambda: sent)
            line.writer.transport.abort()
            async with asyncio.timeout(5):
                await has_ended.wait()
        return sent

    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        assert runner.run(send_to_a_slow_reader()) == 50


async def test_a_client_waits_for_a_slow_application(kind: HttpServer) -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        taken = 0
        while taken < size:
            taken += len((await receive())["body"])
        await reply(send, b"all")

    size = 20_000_000
    async with serving(app, kind) as server:
        line = await server.line()
        line.writer.write(post(b"")[:-2].replace(b": 0", b": %d" % size) + b"\r\n")
        sending = asyncio.create_task(_send(line, size))
        await _settled(lambda: line.writer.transport.get_write_buffer_size())
        assert not sending.done()
        go_on.set()
        assert (await line.reply())[2] == b"all"
        await sending
        line.leave()


async def _send(line: Line, size: int) -> None:
    for _ in range(size // 1_000_000):
        line.writer.write(b"x" * 1_000_000)
        await line.writer.drain()


async def _settled(value: object) -> None:
    """Waits until nothing moves any more."""
    assert callable(value)
    before, same = None, 0
    while same < 10:
        await asyncio.sleep(0.01)
        now = value()
        before, same = now, same + 1 if now == before else 0


@pytest.mark.parametrize("started", [False, True])
async def test_an_application_that_fails_is_not_mistaken_for_one_that_answers(
    kind: HttpServer, started: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await whole_body(receive)
        if started:
            await send(start(200, (b"content-length", b"10")))
            await send(part(b"half", more=True))
        raise LookupError("on purpose")

    async with serving(app, kind) as server:
        answer = await server.exchange(post(b"x"))
    assert answer.startswith(b"HTTP/1.1 200" if started else b"HTTP/1.1 500")
    assert answer.endswith(b"half" if started else b"\r\n\r\n")
    assert "on purpose" in caplog.text


async def test_stopping_closes_idle_connections_and_lets_running_replies_end(
    kind: HttpServer,
) -> None:
    go_on = asyncio.Event()
    arrived = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await whole_body(receive)
        arrived.set()
        await go_on.wait()
        await reply(send, b"done")

    async with serving(app, kind) as server:
        idle, busy = await server.line(), await server.line()
        busy.writer.write(post(b"x"))
        await arrived.wait()
        server.stop.set()
        assert await idle.rest() == b""
        go_on.set()
        assert (await busy.reply())[2] == b"done"
        assert await busy.rest() == b""
        await server.server
        idle.leave()
        busy.leave()


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("secure", [False, True])
async def test_http_2_and_tls_are_hypercorn_s(kind: HttpServer, secure: bool, http2: bool) -> None:
    def with_tls(config: Config) -> None:
        if secure:
            config.certfile = str(CERTIFICATES / "server.pem")
            config.keyfile = config.certfile

    trust = ssl.create_default_context(cafile=str(CERTIFICATES / "ca.pem"))
    echo = Echo()
    async with serving(echo, kind, with_tls) as server:
        scheme = "https" if secure else "http"
        async with httpx.AsyncClient(
            base_url=f"{scheme}://127.0.0.1:{server.port}",
            http1=not http2,
            http2=http2,
            verify=trust,
        ) as http:
            for _ in range(2):
                answer = await http.post("/x", content=b"y" * 100_000)
                assert answer.content == b"y" * 100_000
    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert {scope["scheme"] for scope in echo.scopes} == {scheme}


def test_what_came_before_anybody_listened_is_read_whole(kind: HttpServer) -> None:
    """Under load a connection waits for its turn, and more arrives than is read in one step."""
    asked = post(b"x" * 150_000)

    async def ask_all_at_once() -> list[int]:
        async with serving(Echo(), kind) as server:
            lines = []
            for _ in range(20):
                sock = socket.create_connection(("127.0.0.1", server.port), timeout=5)
                sock.sendall(asked)  # without the event loop's having run
                lines.append(Line(*await asyncio.open_connection(sock=sock)))
            bodies = [(await asyncio.wait_for(line.reply(), 5))[2] for line in lines]
            for line in lines:
                line.leave()
        return [len(body) for body in bodies]

    with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
        assert runner.run(ask_all_at_once()) == [150_000] * 20
