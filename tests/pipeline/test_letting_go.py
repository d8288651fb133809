"""A request that is over goes at once: what waits for the collector of cycles adds up to tens of
megabytes at many connections, and looking for it took a fifth of the time."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from llmrouter.core.routing import DialectName
from llmrouter.dialects.wire import Observed
from llmrouter.pipeline.attempt import Attempt
from llmrouter.pipeline.chain import Chain
from llmrouter.pipeline.exchange import Exchange
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.upstream.lean_reply import IncomingReply
from tests.clients.vendors import VENDORS
from tests.provider import RESET, STALL, Provider, answer, chunk, drop, event, hang, status, stream
from tests.running import RunningRouter, ask, eventually, lab, running_router

Asking = Callable[[RunningRouter, Provider], Awaitable[None]]

ROUTING = {"mode": "keywords"}
"""With the cost in each reply, as by default: what reports it knows the attempt."""

SAID = ask("Hello", "lab/plain")
STREAMS: Mapping[DialectName, tuple[str, Mapping[str, Any]]] = {
    "openai": ("/v1/chat/completions", {**SAID, "stream": True}),
    "responses": ("/v1/responses", {"model": "lab/plain", "input": "Hello", "stream": True}),
    "anthropic": ("/v1/messages", {**SAID, "max_tokens": 9, "stream": True}),
    "gemini": (
        "/v1beta/models/lab/plain:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    ),
    "ollama": ("/api/chat", SAID),
}
"""Where clients of each dialect ask for a stream, and how."""

BREAKING = stream(event(chunk({"content": "One"})) + event({"error": {"message": "overloaded"}}))
"""A token, and with it an error."""


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # what is there already need not be looked through
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as started:
        yield started


@pytest.fixture
def file(tmp_path_factory: pytest.TempPathFactory) -> DatabaseAddress:
    return read_address(None, tmp_path_factory.mktemp("ledger"))


async def whole(router: RunningRouter, _: Provider) -> None:
    assert (await router.chat()).status_code == 200


async def streamed(router: RunningRouter, _: Provider) -> None:
    async with router.streaming() as reply:
        assert b"[DONE]" in await reply.aread()


async def translated(router: RunningRouter, _: Provider) -> None:
    path, document = STREAMS["anthropic"]
    assert b"message_stop" in (await router.http.post(path, json=document)).content


async def broken(router: RunningRouter, provider: Provider) -> None:
    provider.on("fast", BREAKING)
    async with router.streaming() as reply:
        assert b"stream_interrupted" in await reply.aread()


async def translated_and_broken(router: RunningRouter, provider: Provider) -> None:
    provider.on("plain", BREAKING)
    path, document = STREAMS["anthropic"]
    assert b"stream_interrupted" in (await router.http.post(path, json=document)).content


async def refused(router: RunningRouter, _: Provider) -> None:
    assert (await router.chat(messages=7)).status_code == 422


async def failed(router: RunningRouter, provider: Provider) -> None:
    provider.on("fast", *(status(500) for _ in range(9)))
    assert (await router.chat()).status_code >= 500


async def dropped(router: RunningRouter, provider: Provider) -> None:
    provider.on("fast", drop())
    assert (await router.chat()).status_code >= 500


async def unreachable(router: RunningRouter, _: Provider) -> None:
    assert (await router.chat(model="gone/fast")).status_code >= 500


async def cut_off(router: RunningRouter, provider: Provider) -> None:
    provider.on("fast", stream("One, two, three", RESET))
    async with router.streaming() as reply:
        assert b"stream_interrupted" in await reply.aread()


async def failed_over(router: RunningRouter, provider: Provider) -> None:
    provider.on("fast", status(500), answer("Well."))
    assert (await router.chat(model="pair")).status_code == 200


async def left(router: RunningRouter, provider: Provider) -> None:
    provider.on("fast", hang())
    line = await router.line()
    await line.post(ask())
    await provider.arrived(1)
    line.leave()


async def left_in_the_stream(router: RunningRouter, provider: Provider) -> None:
    provider.on("fast", stream("One, two, three", STALL))
    line = await router.line()
    await line.post(ask(stream=True))
    await line.until(b"three")
    line.leave()


@pytest.mark.parametrize(
    "asking",
    [
        whole,
        streamed,
        translated,
        broken,
        translated_and_broken,
        refused,
        failed,
        dropped,
        unreachable,
        cut_off,
        failed_over,
        left,
        left_in_the_stream,
    ],
)
async def test_nothing_of_a_request_waits_for_the_collector(
    asking: Asking, provider: Provider, file: DatabaseAddress, collector_off: None
) -> None:
    document = lab(provider, routes={"pair": ["lab/fast", "spare/fast"]}, routing=ROUTING)
    document["providers"]["gone"] = {"base_url": "http://127.0.0.1:1/v1"}  # where nobody listens
    async with running_router(file, document) as router:
        await asking(router, provider)
        await router.settled()
        await eventually(lambda: remaining() == [], within_s=10)


@pytest.mark.parametrize("dialect", STREAMS)
async def test_nothing_of_a_stream_that_is_passed_on_waits_for_it(
    dialect: DialectName, file: DatabaseAddress, collector_off: None
) -> None:
    vendor = VENDORS[dialect]
    async with Provider(otherwise=vendor.script()) as provider:
        base_url = f"http://127.0.0.1:{provider.port}{vendor.base_path}"
        providers = {"lab": {"base_url": base_url, "dialect": dialect}}
        async with running_router(file, {"routing": ROUTING, "providers": providers}) as router:
            path, document = STREAMS[dialect]
            assert (await router.http.post(path, json=document)).status_code == 200
            await router.settled()
            await eventually(lambda: remaining() == [], within_s=10)


def remaining() -> list[object]:
    """What is left of requests; what a reader has `Observed` goes when the reader does."""
    kinds = Exchange | Chain | Attempt | Observed | IncomingReply
    return [kept for kept in gc.get_objects() if isinstance(kept, kinds)]
