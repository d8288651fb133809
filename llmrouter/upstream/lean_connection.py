"""One HTTP/1.1 connection, without streams and locks: the event loop calls it, it calls nobody."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from llmrouter.core.timer import Alarm
from llmrouter.upstream.faults import ConnectionLost
from llmrouter.upstream.lean_pool import Origin
from llmrouter.upstream.lean_reply import READ_AHEAD_BYTES, IncomingReply
from llmrouter.upstream.progress import Progress

WHOLE_BYTES = 64 * 1024
"""Up to here a copy costs less than a second system call."""


class Owner(Protocol):
    """Who is told that a connection is free or gone."""

    def released(self, connection: LeanConnection) -> None: ...

    def lost(self, connection: LeanConnection) -> None: ...


class LeanConnection(asyncio.Protocol):
    """Carries one request after the other to ``origin``."""

    _transport: asyncio.Transport  # from `connection_made` on, before anybody else has it

    def __init__(self, origin: Origin, owner: Owner) -> None:
        self.origin = origin
        self._owner = owner
        self._reply: IncomingReply | None = None
        self._is_uploading = False
        self._is_reading_paused = False
        self._patience = _Patience(self)
        self._now_s = asyncio.get_running_loop().time

    @property
    def is_usable(self) -> bool:
        """Whether it can carry a request now."""
        return not self._transport.is_closing()

    async def send(self, head: bytes, body: bytes, progress: Progress) -> IncomingReply:
        """Sends a request and waits for its reply's head.

        Raises `CarrierError` or ``TimeoutError``; whatever is raised, the connection is
        closed.
        """
        reply = self._reply = IncomingReply(progress, self)
        try:
            if len(body) <= WHOLE_BYTES:
                self._transport.write(head + body)
            else:
                self._transport.write(head)
                self._transport.write(body)
            if self._is_uploading:
                progress.sending()
            else:
                progress.sent()
            self._patience.set_at(self._now_s() + progress.headers_s)
            while not reply.has_head:
                await reply.more()
        except BaseException:
            self._reply = None
            reply.forget()
            self.close()
            raise
        return reply

    def release(self, reply: IncomingReply) -> None:
        if reply is not self._reply:
            return  # it was released before
        self._reply = None
        is_idle = reply.is_complete and not self._is_uploading
        if is_idle and reply.keeps_alive and not self._transport.is_closing():
            if self._is_reading_paused:
                self.resume_reading()
            self._owner.released(self)
        else:
            reply.forget()
            self.close()

    def resume_reading(self) -> None:
        if self._is_reading_paused and self.is_usable:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """Closes at once; what was not sent is thrown away."""
        self._transport.abort()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:
            self.close()  # nothing was asked
            return
        reply.feed(data)
        if reply.pending_bytes > READ_AHEAD_BYTES and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        if self._reply is not None:
            self._reply.end()

    def pause_writing(self) -> None:
        self._is_uploading = True

    def resume_writing(self) -> None:
        self._is_uploading = False
        if self._reply is not None and not self._reply.has_head:
            self._reply.progress.sent()
            self._patience.set(self._reply.progress.headers_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.close()
        self._owner.lost(self)
        if self._reply is not None:
            failure = ConnectionLost(str(exc) if exc else "the connection was closed")
            failure.__cause__ = exc
            self._reply.fail(failure)

    def out_of_patience(self) -> None:
        """The time for the head of the reply is up, if it has not come."""
        if self._reply is not None and not self._reply.has_head:
            self._reply.fail(TimeoutError())


class _Patience(Alarm):
    """How long a connection waits for a reply's head: one alarm for all of its requests."""

    __slots__ = ("_connection",)

    def __init__(self, connection: LeanConnection) -> None:
        super().__init__()
        self._connection = connection

    def ring(self) -> None:
        self._connection.out_of_patience()
