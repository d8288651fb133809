"""The runner's edges: what happens when a stage of ours fails, at any moment of a trip."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.configuration import RouterConfig
from llmrouter.core.errors import Overloaded, StreamBroken
from llmrouter.core.routing import Decision
from llmrouter.core.upstream import Take
from llmrouter.dialects.registry import DIALECTS
from llmrouter.pipeline.exchange import Exchange, Reply
from llmrouter.pipeline.runner import Pipeline
from llmrouter.policy.table import compile_table
from tests.running import eventually

DECISION = Decision("code", "priority", "classified", (), 1)


@dataclass
class FakeClient:
    """Keeps what it was sent."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    received: bytes = b""
    ended: bool = False
    started: bool = False
    pour: Take | None = None

    async def body(self, limit_bytes: int) -> bytes:
        return b"{}"

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        await self.start(status, headers)
        await self.end(body)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started, self.status, self.headers = True, status, headers

    async def send(self, data: bytes) -> None:
        self.received += data

    async def end(self, data: bytes = b"") -> None:
        self.received += data
        self.ended = True


@dataclass
class FakeRelay:
    """Gives its parts; an exception among them is raised."""

    parts: list[bytes | Exception | asyncio.Event]
    terminator: bytes = b"data: [DONE]\n\n"
    abandoned: str | None = None

    async def next_part(self, pour: Take | None) -> bytes | None:
        if not self.parts:
            return None
        part = self.parts.pop(0)
        if isinstance(part, asyncio.Event):
            await part.wait()
            return b""
        if isinstance(part, Exception):
            raise part
        return part

    async def abandon(self, reason: str) -> None:
        self.abandoned = reason


@dataclass
class Step:
    """A stage made of a function."""

    act: Callable[[Exchange], Awaitable[None] | Reply | None]
    name: str = "step"

    async def __call__(self, exchange: Exchange) -> Reply | None:
        done = self.act(exchange)
        if done is None or isinstance(done, Reply):
            return done
        return await done


def exchange() -> Exchange:
    table = compile_table(1, {}, RouterConfig())
    return Exchange(7, table, DIALECTS["openai"], FakeClock())


def replying(reply: Reply) -> Step:
    def act(trip: Exchange) -> Reply:
        trip.decision = DECISION
        return reply

    return Step(act)


def failing(error: Exception) -> Step:
    def act(trip: Exchange) -> None:
        raise error

    return Step(act)


async def run(trip: Exchange, *forward: Step, closing: tuple[Step, ...] = ()) -> FakeClient:
    client = FakeClient()
    await Pipeline(forward, closing).run(trip, client)
    return client


async def test_a_fault_of_ours_before_a_decision_rejects_and_after_it_fails() -> None:
    for first, ending in (((), "rejected"), ((Step(decided),), "failed")):
        trip = exchange()
        client = await run(trip, *first, failing(RuntimeError("secret detail")))
        assert (client.status, client.ended, trip.ending) == (500, True, ending)
        assert json.loads(client.received)["error"]["code"] == "internal_error"
        assert b"secret" not in client.received


def decided(trip: Exchange) -> None:
    trip.decision = DECISION


@pytest.mark.parametrize(
    "error", [StreamBroken("it broke off"), RuntimeError("secret detail")], ids=["broken", "fault"]
)
async def test_whatever_breaks_a_stream_ends_it_with_an_error_and_no_terminator(
    error: Exception,
) -> None:
    trip, relay = exchange(), FakeRelay([b"data: one\n\n", error])
    closed: list[str] = []
    closing = Step(lambda trip: closed.append(trip.ending))
    reply = Reply(200, "text/event-stream", relay=relay)
    client = await run(trip, replying(reply), closing=(closing,))
    assert (client.status, client.ended, closed) == (200, True, ["interrupted"])
    assert client.received.startswith(b"data: one\n\ndata: ")
    assert b'"error"' in client.received
    assert b"[DONE]" not in client.received
    assert b"secret" not in client.received
    if isinstance(error, RuntimeError):
        assert relay.abandoned == "interrupted"


@pytest.mark.parametrize("error", [Overloaded("no room"), RuntimeError("secret detail")])
async def test_an_answer_that_cannot_be_recorded_is_not_given(error: Exception) -> None:
    whole = await run(
        exchange(), replying(Reply(200, "application/json", b"answer")), closing=(failing(error),)
    )
    assert whole.status in (500, 503)
    assert b"answer" not in whole.received
    relay = FakeRelay([b"data: one\n\n"])
    streamed = await run(
        exchange(),
        replying(Reply(200, "text/event-stream", relay=relay)),
        closing=(failing(error),),
    )
    assert b'"error"' in streamed.received
    assert b"[DONE]" not in streamed.received
    assert b"secret" not in whole.received + streamed.received


@pytest.mark.parametrize(("cut", "told"), [("disconnected", False), ("shutdown", True)])
async def test_a_cut_ends_the_trip_once_and_the_books_are_closed(cut: str, told: bool) -> None:
    trip, waiting = exchange(), asyncio.Event()
    relay = FakeRelay([b"data: one\n\n", waiting])
    closed: list[str] = []
    closing = Step(lambda trip: closed.append(trip.ending))
    client = FakeClient()
    pipeline = Pipeline((replying(Reply(200, "text/event-stream", relay=relay)),), (closing,))
    running = asyncio.create_task(pipeline.run(trip, client))
    await eventually(lambda: bool(client.received))
    trip.cut(cut)  # type: ignore[arg-type]  # one of the endings
    trip.cut("shutdown")  # the first one counts
    await running
    assert (trip.ending, closed, relay.abandoned) == (cut, [cut], cut)
    assert client.ended == told
    assert (b"shutting_down" in client.received) == told


async def test_a_cut_while_the_books_are_closed_changes_nothing() -> None:
    trip, may_close = exchange(), asyncio.Event()

    async def slowly(trip: Exchange) -> None:
        await may_close.wait()

    client = FakeClient()
    reply = Reply(200, "application/json", b"answer")
    pipeline = Pipeline((replying(reply),), (Step(slowly),))
    running = asyncio.create_task(pipeline.run(trip, client))
    await eventually(lambda: hasattr(trip, "ending"))
    trip.cut("disconnected")
    may_close.set()
    await running
    assert (trip.ending, client.received) == ("completed", b"answer")


async def test_a_slot_is_not_read_before_it_is_filled() -> None:
    trip = exchange()
    with pytest.raises(AttributeError, match="decision"):
        _ = trip.decision
    trip.decision = DECISION
    assert trip.decision is DECISION


async def test_a_server_that_stops_at_once_closes_the_books_all_the_same() -> None:
    trip, closed = exchange(), list[str]()

    async def queue_and_wait(trip: Exchange) -> None:
        closed.append("queued")
        await asyncio.Event().wait()

    client = FakeClient()
    closing = (Step(queue_and_wait), Step(lambda trip: closed.append("told")))
    pipeline = Pipeline((replying(Reply(200, "application/json", b"answer")),), closing)
    running = asyncio.create_task(pipeline.run(trip, client))
    await eventually(lambda: bool(closed))
    running.cancel()
    await running
    assert (closed, client.received) == (["queued", "told"], b"")
