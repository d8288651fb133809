"""A body that flows: handed on as it arrives, without its caller; the rest comes as ever."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from contextlib import aclosing

import pytest

from llmrouter.core.errors import AttemptError
from llmrouter.settings.values import HttpClient
from llmrouter.upstream.client import HttpUpstream
from tests.provider import CLOSE, DONE, RESET, Provider, raw, stream
from tests.provider.wire import Step
from tests.upstream.calling import call


class Reader:
    """Reads a stream that goes on only when it is read, and notes which way each part came."""

    def __init__(self, provider: Provider, *steps: Step, wants: Callable[[bytes], bool]) -> None:
        more = [asyncio.Event() for _ in steps]
        provider.on("m", stream(*(s for pair in zip(steps, more, strict=True) for s in pair)))
        self.parts: list[bytes] = []
        self.flowed: list[bytes] = []
        self._more = iter(more)
        self._wants = wants

    async def read(self, upstream: HttpUpstream, base_url: str, **members: int) -> None:
        async with aclosing(await upstream.send(call(base_url, **members))) as reply:
            chunks = reply.chunks()
            while (data := await anext(chunks, None)) is not None:
                self.parts.append(data)
                next(self._more).set()
                await reply.flow(self._take)

    def _take(self, data: bytes) -> bool:
        self.parts.append(data)
        self.flowed.append(data)
        next(self._more).set()
        return self._wants(data)


async def test_what_flows_and_what_does_not_are_the_body(
    provider: Provider, upstream: HttpUpstream, client: HttpClient
) -> None:
    reader = Reader(provider, "a", "b", "c", "d", DONE, wants=lambda data: b'"b"' not in data)
    await reader.read(upstream, provider.base_url)
    assert b"".join(reader.parts).count(b"data: ") == len(reader.parts) == 5
    assert reader.parts[-1] == DONE
    # The first part waits already, and what is not wanted any more is asked for.
    assert len(reader.flowed) == (3 if client == "lean" else 0)


async def test_a_fault_that_the_taker_finds_is_the_callers(provider: Provider) -> None:
    upstream = HttpUpstream(client="lean")

    def refuse(data: bytes) -> bool:
        raise AttemptError("bad_body", "stream", "not that")

    reader = Reader(provider, "a", "b", DONE, wants=refuse)
    with pytest.raises(AttemptError, match="not that"):
        await reader.read(upstream, provider.base_url)
    await upstream.aclose()


@pytest.mark.parametrize(("last", "kind"), [(RESET, "reset"), (CLOSE, "truncated")])
async def test_what_breaks_off_is_told_behind_what_flowed(
    provider: Provider, upstream: HttpUpstream, last: Step, kind: str
) -> None:
    reader = Reader(provider, "a", "b", last, wants=lambda _: True)
    with pytest.raises(AttemptError) as caught:
        await reader.read(upstream, provider.base_url)
    assert caught.value.kind == kind
    assert b'"b"' in reader.parts[-1]


async def test_what_flows_counts_for_the_longest_body(
    provider: Provider, upstream: HttpUpstream
) -> None:
    reader = Reader(provider, "a", "b", "x" * 2_000, DONE, wants=lambda _: True)
    with pytest.raises(AttemptError) as caught:
        await reader.read(upstream, provider.base_url, max_body_bytes=1_000)
    assert caught.value.kind == "too_large"
    assert b'"b"' in reader.parts[-1]


async def test_what_is_compressed_does_not_flow(provider: Provider, upstream: HttpUpstream) -> None:
    body = gzip.compress(b"data: 1\n\n")
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    provider.on("m", raw(head + body))
    async with aclosing(await upstream.send(call(provider.base_url))) as reply:
        await reply.flow(lambda _: pytest.fail("compressed bytes were handed on"))
        assert b"".join([data async for data in reply.chunks()]) == b"data: 1\n\n"
