"""A small application behind either kind of HTTP/1.1 connections, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from hypercorn.asyncio import serve
from hypercorn.config import Config

from llmrouter.settings.values import HttpServer
from llmrouter.web.asgi import AsgiApp, Message, Receive, Scope, Send
from llmrouter.web.serve import hypercorn_config, listen
from tests.running import Line

HOST = b"Host: localhost\r\n"
CLOSE = b"Connection: close\r\n"


@dataclass(slots=True)
class Echo:
    """Answers with what it was sent; keeps the scopes and the bodies that it saw."""

    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body = await whole_body(receive)
        self.bodies.append(body)
        await reply(send, body)


async def whole_body(receive: Receive) -> bytes:
    """The body to its end."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    return body


async def reply(send: Send, body: bytes, status: int = 200) -> None:
    """A reply of a known length."""
    length = (b"Content-Length", str(len(body)).encode())
    await send(start(status, length))
    await send(part(body))


def start(status: int, *headers: tuple[bytes, bytes]) -> Message:
    """A reply's beginning."""
    return {"type": "http.response.start", "status": status, "headers": headers}


def part(data: bytes, *, more: bool = False) -> Message:
    """Some of a reply's body."""
    return {"type": "http.response.body", "body": data, "more_body": more}


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs; ``stop`` begins its end."""

    port: int
    stop: asyncio.Event
    server: asyncio.Task[None]

    async def line(self) -> Line:
        """A connection of its own."""
        return Line(*await asyncio.open_connection("127.0.0.1", self.port))

    async def exchange(self, data: bytes) -> bytes:
        """What comes back, until the server closes."""
        line = await self.line()
        line.writer.write(data)
        try:
            return await line.rest()
        finally:
            line.leave()


@contextlib.asynccontextmanager
async def serving(
    app: AsgiApp, kind: HttpServer, adjust: Callable[[Config], None] | None = None
) -> AsyncIterator[Serving]:
    """The application, served until the end of the context."""
    sock = listen("127.0.0.1", 0)
    port = int(sock.getsockname()[1])
    config = hypercorn_config(sock, kind)
    if adjust is not None:
        adjust(config)
    stop = asyncio.Event()

    async def only_http(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await app(scope, receive, send)

    server = asyncio.create_task(serve(only_http, config, shutdown_trigger=stop.wait))
    try:
        yield Serving(port, stop, server)
    finally:
        stop.set()
        await asyncio.wait([server], timeout=5)
        server.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await server


def post(body: bytes, *headers: bytes) -> bytes:
    """A request with a body of a known length."""
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /a%20b?c=d HTTP/1.1\r\n" + HOST + length + b"".join(headers) + b"\r\n" + body


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A request whose body comes in chunks."""
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts) + end
