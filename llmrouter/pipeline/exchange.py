"""`Exchange`: one request's trip through the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from msgspec import field

from llmrouter.core.clock import Clock
from llmrouter.core.errors import RouterError
from llmrouter.core.events import Event, EventData
from llmrouter.core.finished import StageTime, TraceContext
from llmrouter.core.ledger import BreakerRow, RequestRecord, ResponseState
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import Classification, Decision, Ending, Purpose, Target
from llmrouter.core.upstream import Take
from llmrouter.dialects.wire import Dialect
from llmrouter.pipeline.ports import Client, Ledger
from llmrouter.policy.envelope import Authored
from llmrouter.policy.table import Resolution, RoutingTable


class Caller(Record):
    """Who asks, and what they sent around the body.  Header names are in lower case.

    ``provider`` is the one that the address names, which then answers alone; ``counts``: tokens
    are to be counted, nothing is to be generated.  ``replay_id`` is the replay that asks.
    """

    endpoint: str
    headers: Mapping[str, str]
    key_id: str | None = None
    purpose: Purpose = "live"
    client_request_id: str | None = None
    provider: str | None = None
    counts: bool = False
    replay_id: int | None = None


class Relay(Protocol):
    """The rest of a streamed answer, already begun upstream."""

    @property
    def terminator(self) -> bytes:
        """What ends the stream in success; known once there are no more parts."""

    @property
    def drain_bytes(self) -> int:
        """How much is read on once the client has left."""

    async def next_part(self, pour: Take | None) -> bytes | None:
        """The next bytes for the client, None at the end.

        What can be poured to the client without anybody waiting is not among them.

        Raises `StreamBroken` when the stream breaks; the attempt is accounted by then.
        """

    async def abandon(self, reason: str) -> None:
        """Stops the stream and accounts for what had arrived; after the end it does nothing."""


class Reply(Record):
    """What the client gets: a whole body, or a relay that still runs."""

    status: int
    content_type: str
    body: bytes = b""
    relay: Relay | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(init=False, repr=False, eq=False, slots=True)
class Exchange:
    """One request: its id, the pinned configuration version, its events, and what stages found.

    Made before anything else, so that every request has an id and an ending.
    """

    # What stages fill, once each.  To read one before that is an ``AttributeError`` with its name:
    # a stage stands in the wrong place of the list.
    caller: Caller
    body: bytes
    request: ChatRequest
    client: Client
    resolution: Resolution
    authored: Authored
    conversation_id: str | None
    classification: Classification
    route: str | None
    decision: Decision
    reply: Reply
    ending: Ending
    response_state: ResponseState | None
    record: RequestRecord

    id: int
    table: RoutingTable
    dialect: Dialect
    clock: Clock
    dry: bool
    """Nobody may be called, a classifier neither."""
    started_us: int
    events: list[Event]
    opened: int
    error: RouterError | None
    attempts: int
    tries: int
    unrecorded: bool
    trace: TraceContext | None
    served_by: int | None
    served_target: Target | None
    translation: str | None
    upstream_us: int
    """How long at least one attempt was under way."""
    now_ns: Callable[[], int]
    """The clock that durations are measured by."""
    start_ns: int
    """When the request was received, by it."""
    laps: list[tuple[str, int, int]]
    """The stages that are over, when each began and when it ended (by `now_ns`)."""
    breaker_rows: dict[tuple[str, str], BreakerRow]
    drain_s: float
    """How long the attempt under way may go on after the client has left."""
    has_left: bool
    """The client has gone; what still goes on is for the books alone."""
    _upstream_since_us: int
    _under_way: int
    _task: asyncio.Task[object] | None
    _cut: Ending | None
    _drain: asyncio.TimerHandle | None

    def __init__(
        self,
        request_id: int,
        table: RoutingTable,
        dialect: Dialect,
        clock: Clock,
        *,
        dry: bool = False,
    ) -> None:
        self.id = request_id
        self.table = table
        self.dialect = dialect
        self.clock = clock
        self.dry = dry
        self.started_us = clock.now_us()
        self.events = []
        self.opened = 0
        self.error = None
        self.response_state = None
        self.attempts = 0
        self.tries = 0
        self.unrecorded = False
        self.trace = None
        self.served_by = None
        self.served_target = None
        self.translation = None
        self.upstream_us = 0
        self.now_ns = now_ns = clock.monotonic_ns
        self.start_ns = now_ns()
        self.laps = []
        self.breaker_rows = {}
        self.drain_s = 0.0
        self.has_left = False
        self._under_way = 0
        self._task = None
        self._cut = None
        self._drain = None

    def close(self) -> None:
        """Its trip is over: lets go of the client, the reply and where the error came from, all of
        which know it, so that it goes at once and does not wait for the collector of cycles."""
        del self.client
        if hasattr(self, "reply"):
            del self.reply
        error = self.error
        if error is not None:
            error.__traceback__ = error.__cause__ = error.__context__ = None

    def elapsed_us(self) -> int:
        """Microseconds since the request was received."""
        return (self.now_ns() - self.start_ns) // 1_000

    @property
    def stages(self) -> tuple[StageTime, ...]:
        """The stages that are over."""
        start_ns = self.start_ns
        return tuple(
            StageTime(name, (began_ns - start_ns) // 1_000, (ended_ns - began_ns) // 1_000)
            for name, began_ns, ended_ns in self.laps
        )

    def stage_us(self, from_us: int = 0) -> dict[str, int]:
        """How long each stage took that is over, of those that took at least so long."""
        from_ns = from_us * 1_000
        return {
            name: (ended_ns - began_ns) // 1_000
            for name, began_ns, ended_ns in self.laps
            if ended_ns - began_ns >= from_ns
        }

    def emit(self, data: EventData) -> int:
        """Records that something happened, now: so many microseconds after the request came."""
        dt_us = (self.now_ns() - self.start_ns) // 1_000
        self.events.append(Event(dt_us, data))
        return dt_us

    def attempt_began(self, at_us: int) -> None:
        """Counts an attempt as under way, from so long after the request was received."""
        if self._under_way == 0:
            self._upstream_since_us = at_us
        self._under_way += 1

    def attempt_ended(self, at_us: int) -> None:
        """Counts it no more."""
        self._under_way -= 1
        if self._under_way == 0:
            self.upstream_us += at_us - self._upstream_since_us

    def open_in(self, ledger: Ledger) -> None:
        """Queues the events so far, so that a crash leaves a trace of what is about to be sent."""
        ledger.open(self.id, self.events[self.opened :], self.opened)
        self.opened = len(self.events)

    def bind(self, client: Client) -> None:
        """Notes who waits for the reply, and the running task as the one that carries it."""
        self.client = client
        self._task = asyncio.current_task()

    def cut(self, ending: Ending) -> None:
        """Ends the trip from outside: ``disconnected`` or ``shutdown``.  The first cut wins.

        An attempt that is to be drained goes on without its client until it ends, its time is up,
        or the server stops.
        """
        if hasattr(self, "ending") or self._task is None:
            return
        if self._cut is None:
            self._cut = ending
            self.has_left = ending == "disconnected"
            if ending == "disconnected" and self.drain_s > 0:
                loop = asyncio.get_running_loop()
                self._drain = loop.call_later(self.drain_s, self._cancel)
                return
        elif self._drain is None:
            return
        self._cancel()

    def _cancel(self) -> None:
        self.stop_draining()
        if self._task is not None:
            self._task.cancel()

    def stop_draining(self) -> None:
        """What was drained is over."""
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None

    def take_cut(self) -> Ending:
        """Why the carrying task was cancelled; swallows that one cancellation.

        A cancellation that nobody announced is the server's: it is shutting down.
        """
        if self._cut is None:
            return "shutdown"
        if self._task is not None:
            self._task.uncancel()
        return self._cut
