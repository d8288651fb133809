"""A provider that speaks slowly: ``python -m benchmarks.dripping PORT``.

Whatever is asked is answered with a stream of `EVENTS` numbers, one every `PAUSE_S`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

EVENTS = 20
PAUSE_S = 1.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "choices": [choice]}
    return _framed(f"data: {json.dumps(event)}\n\n".encode())


def _framed(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            writer.write(HEAD)
            for number in range(EVENTS):
                writer.write(_chunk({"content": f"{number} "}))
                await writer.drain()
                await asyncio.sleep(PAUSE_S)
            writer.write(_chunk({}, "stop") + _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
