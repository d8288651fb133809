"""How far a call has come, and the clock of the stage that it is in."""

from __future__ import annotations

from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Final, TypeVar

from llmrouter.core.clock import Clock
from llmrouter.core.errors import Phase
from llmrouter.core.timer import Timer
from llmrouter.core.upstream import UpstreamCall

T = TypeVar("T")

EXTENSION: Final = "llmrouter.progress"
"""The request extension under which a transport finds the call's `Progress`.

A transport that knows nothing of it works too: the call then has one clock for everything, and its
failures are told with less detail.
"""


class Progress:
    """Written by the transport as the call goes on, read when it fails.

    ``is_reused``: no connection was opened for it.  ``has_response_bytes``: the provider has begun
    to answer.  ``is_at_eof``: it has closed its side.
    """

    __slots__ = (
        "_begun_ns",
        "_clock",
        "_connect_s",
        "_timer",
        "connect_us",
        "has_response_bytes",
        "headers_s",
        "is_at_eof",
        "is_reused",
        "phase",
    )

    def __init__(self, call: UpstreamCall, clock: Clock) -> None:
        self.phase: Phase = "connect"
        self.is_reused = True
        self.has_response_bytes = False
        self.is_at_eof = False
        self.connect_us: int | None = None
        self.headers_s = call.headers_s
        """How long the provider may take until its reply's head is there."""
        self._connect_s = call.connect_s
        self._clock = clock
        self._begun_ns = clock.monotonic_ns()
        self._timer: Timer | None = None

    async def in_time(self, work: Awaitable[T]) -> T:
        """What ``work`` gives.

        Raises ``TimeoutError`` when one of the stages that it tells of takes too long.
        """
        self._timer = timer = Timer()
        try:
            with timer:
                return await work
        finally:
            timer.close()
            self._timer = None

    def waiting(self) -> None:
        """Whoever carries the call may not tell how far it is: one clock for all its stages."""
        self._allow(self._connect_s + self.headers_s)

    def elapsed_us(self) -> int:
        """Since the call began."""
        return (self._clock.monotonic_ns() - self._begun_ns) // 1_000

    @property
    def limit_s(self) -> float:
        """How long the stage that it is in may take."""
        return self.headers_s if self.phase in ("send", "headers") else self._connect_s

    def resolving(self) -> None:
        """A connection has to be opened: its clock runs until TLS is up."""
        self.phase = "dns"
        self.is_reused = False
        self._allow(self._connect_s)

    def connecting(self) -> None:
        self.phase = "connect"

    def securing(self) -> None:
        self.phase = "tls"

    def connected(self) -> None:
        """The connection is open."""
        if not self.is_reused and self.connect_us is None:
            self.connect_us = self.elapsed_us()

    def sending(self) -> None:
        """A part of the request is about to be written."""
        if self.phase != "send":
            self.connected()
            self.phase = "send"
            self._allow(self.headers_s)

    def sent(self) -> None:
        """That part is written; if it was the last one, the provider's time begins."""
        self.phase = "headers"
        if self._timer is not None:
            self._timer.set(self.headers_s)

    def received(self, data: bytes) -> None:
        """Bytes arrived, or none when the provider closed."""
        if data:
            self.has_response_bytes = True
        else:
            self.is_at_eof = True

    def _allow(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.set(seconds)


CURRENT: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""The call that this task is opening.  httpcore hands requests to its network streams without
saying whose they are."""
