"""A provider that answers at once: ``python -m benchmarks.upstream PORT``.

The model decides: ``plain`` is answered whole, ``burst`` with a stream of `CHUNKS` events, and one
whose name begins with ``broken`` with a 500.
"""

from __future__ import annotations

import asyncio
import json
import sys

CHUNKS = 500


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "burst",
        "choices": [choice],
    }
    return f"data: {json.dumps(document)}\n\n".encode()


def _plain() -> bytes:
    message = {"role": "assistant", "content": "All is well. " * 20}
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": "plain",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 200, "completion_tokens": 60, "total_tokens": 260},
        }
    ).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def _burst() -> bytes:
    events = [
        _event({"role": "assistant", "content": ""}),
        *(_event({"content": f"word{n} "}) for n in range(CHUNKS)),
        _event({}, "stop"),
        b"data: [DONE]\n\n",
    ]
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%b\r\n" % (len(e), e) for e in events) + b"0\r\n\r\n"


def _broken() -> bytes:
    body = b'{"error": {"message": "it broke", "type": "server_error", "code": null}}'
    head = b"HTTP/1.1 500 No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


class Provider(asyncio.Protocol):
    """Answers each request as soon as it is whole."""

    def __init__(self, plain: bytes, burst: bytes, broken: bytes) -> None:
        self._plain, self._burst, self._broken = plain, burst, broken
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP's is one

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if not end or len(body) < int(length or b"0"):
            return
        self._received = b""
        if b'"broken' in body:
            self._transport.write(self._broken)
        else:
            self._transport.write(self._burst if b'"burst"' in body else self._plain)


async def serve(port: int) -> None:
    """Answers until it is killed."""
    replies = _plain(), _burst(), _broken()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(*replies), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
