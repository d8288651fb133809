"""A provider that answers at once: ``python -m benchmarks.upstream PORT``.

The model decides: ``plain`` is answered whole, ``burst`` by a stream of `CHUNKS` events at once,
``brief`` by a stream of one, ``held`` by a stream of `HELD_CHUNKS` events, twenty in a second, each
with the time at which it was sent, and one whose name begins with ``broken`` by a 500.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

import uvloop

CHUNKS = 500
HELD_CHUNKS = 200
HELD_EVERY_S = 0.05
SLOTS = 50
"""Held streams take turns within `HELD_EVERY_S`, so many in one event loop's step."""

FIRST_TOKEN = b"word0"

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "stream",
        "choices": [choice],
    }
    return f"data: {json.dumps(document)}\n\n".encode()


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


_FIRST = _chunk(_event({"role": "assistant", "content": ""}))
_LAST = _chunk(_event({}, "stop")) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


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


def _stream(chunks: int) -> bytes:
    events = b"".join(_chunk(_event({"content": f"word{n} "})) for n in range(chunks))
    return _STREAM_HEAD + _FIRST + events + _LAST


class Replies:
    """What is sent at once, by model."""

    def __init__(self) -> None:
        self.plain = _plain()
        self._others = {
            b'"burst"': _stream(CHUNKS),
            b'"brief"': _stream(1),
            b'"broken': _broken(),
        }

    def to(self, body: bytes) -> bytes | None:
        """The whole reply; None for a stream that is held."""
        opening = body if len(body) < 5_000 else body[:200] + body[-200:]
        for model, reply in self._others.items():
            if model in opening:
                return reply
        return None if b'"held"' in opening else self.plain


def _broken() -> bytes:
    body = b'{"error": {"message": "it broke", "type": "server_error", "code": null}}'
    head = b"HTTP/1.1 500 No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


class Beat:
    """Sends the events of all held streams: one timer and one document for those of a slot."""

    def __init__(self) -> None:
        self._slots: list[dict[asyncio.Transport, int]] = [{} for _ in range(SLOTS)]
        self._begun_s = 0.0
        self._beats = 0

    def join(self, transport: asyncio.Transport) -> None:
        """Streams begin at a moment of their own, as they do when people begin them."""
        if not any(self._slots):
            self._begun_s, self._beats = asyncio.get_running_loop().time(), 0
            self._set()
        random.choice(self._slots)[transport] = HELD_CHUNKS

    def _set(self) -> None:
        self._beats += 1
        due_s = self._begun_s + self._beats * HELD_EVERY_S / SLOTS
        asyncio.get_running_loop().call_at(due_s, self._send)

    def _send(self) -> None:
        slot = self._slots[self._beats % SLOTS]
        event = _chunk(_event({"content": f"@{time.time():.6f}@"}))
        for transport, left in list(slot.items()):
            slot[transport] = left - 1
            if left and not transport.is_closing():
                transport.write(event)
                continue
            del slot[transport]
            if not transport.is_closing():
                transport.write(_LAST)
        if any(self._slots):
            self._set()


class Provider(asyncio.Protocol):
    """Answers each request as soon as it is whole."""

    def __init__(self, replies: Replies, beat: Beat) -> None:
        self._replies = replies
        self._beat = beat
        self._received = bytearray()
        self._missing = 0  # bytes of the body, once the head was read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP's is one

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._missing:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower() + b"\r\n"
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._missing = end + 4 + int(length or b"0")
        if len(self._received) < self._missing:
            return
        body, self._received, self._missing = bytes(self._received), bytearray(), 0
        reply = self._replies.to(body[body.index(b"\r\n\r\n") + 4 :])
        if reply is None:
            self._transport.write(_STREAM_HEAD + _FIRST)
            self._beat.join(self._transport)
        else:
            self._transport.write(reply)


async def serve(port: int) -> None:
    """Answers until it is killed."""
    replies, beat = Replies(), Beat()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Provider(replies, beat), "127.0.0.1", port, backlog=4_096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
