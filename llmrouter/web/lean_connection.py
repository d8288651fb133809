"""A lean HTTP/1.1 connection: the event loop calls it, and it runs the application.

It reads one request at a time, so that a client which sends many at once waits for its replies,
and watches for the client's leaving while it answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from llmrouter.core.records import Record
from llmrouter.web.asgi import AsgiApp, LineAnswer
from llmrouter.web.lean_reply import COPIED_BYTES, refusal
from llmrouter.web.lean_request import HTTP2_PREFACE, BadRequest, RequestHead, RequestReader
from llmrouter.web.lean_turn import Turn

READ_AHEAD_BYTES = 256 * 1024
"""How much may wait for the application; then the client waits."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_log = logging.getLogger(__name__)


class Terms(Record):
    """What a connection needs to know; ``scope`` is what ASGI says of it in each request."""

    answer: LineAnswer
    app: AsgiApp
    """For what is not answered as a line."""
    scope: Mapping[str, Any]
    reply_lines: Callable[[], bytes]
    head_bytes: int
    idle_s: float
    """Between two replies, and for slow heads."""
    requests: int
    """How many it may carry."""


class LeanConnection(asyncio.Protocol):
    """Carries one request after the other.

    ``closed`` is done when the connection is.  A client that wants HTTP/2 ends it, too: the
    connection stays open then, and what has arrived is the result.
    """

    _transport: asyncio.Transport  # from `connection_made` on, before anybody else has it

    def __init__(self, terms: Terms) -> None:
        self.closed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.is_full = False
        self.is_held_back = False
        self.reply_lines = terms.reply_lines
        self._terms = terms
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader(terms.head_bytes)
        self._turn: Turn | None = None
        self._answers: dict[Turn, asyncio.Task[None]] = {}
        self._left_requests = terms.requests
        self._drains: list[asyncio.Future[None]] = []
        self._idle_since_s = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    def finish(self) -> None:
        """Closes behind the running reply, or at once when there is none."""
        if self._turn is None:
            self._transport.close()
        else:
            self._turn.keeps_alive = False

    def cancel(self) -> None:
        """Ends everything at once."""
        for task in self._answers.values():
            task.cancel()
        self._transport.abort()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._rest()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.waiting = reader.waiting + data if reader.waiting else data
        self._read()

    def eof_received(self) -> None:
        """As with Hypercorn, who has nothing more to say does not wait for an answer either."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if not self.closed.done():
            self.closed.set_result(b"")

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        drains, self._drains = self._drains, []
        for drain in drains:
            if not drain.done():
                drain.set_result(None)

    # What the running turn asks

    def write(self, *parts: bytes) -> None:
        if self._transport.is_closing():
            return  # uvloop's transports do not bear it
        if len(parts) == 1:
            self._transport.write(parts[0])
        elif sum(map(len, parts)) <= COPIED_BYTES:
            self._transport.write(b"".join(parts))
        else:
            self._transport.writelines(parts)

    async def drained(self) -> None:
        drain = self._loop.create_future()
        self._drains.append(drain)
        await drain

    def taken(self) -> None:
        if self.is_held_back and not self._transport.is_closing():
            self.is_held_back = False
            self._transport.resume_reading()

    def replied(self) -> None:
        turn, self._turn = self._turn, None
        reader = self._reader
        if turn is None or not (turn.keeps_alive and turn.is_read) or reader.is_lost:
            self._transport.close()
        if self._transport.is_closing():
            return  # it may be the reply that has shown that nobody is there
        self._rest()
        if self.is_held_back:
            self.taken()
        if reader.waiting:
            self._read()

    # Requests

    def _read(self) -> None:
        """Reads on as far as what has arrived goes, but no further than one request."""
        reader, turn = self._reader, self._turn
        try:
            if turn is None:
                if reader.waiting.startswith(HTTP2_PREFACE):
                    self.closed.set_result(reader.waiting)
                    return
                head = reader.head()
                if head is None:
                    return
                turn = self._begin(head)
            if not turn.is_read:
                turn.feed(*reader.body())
        except BadRequest as error:
            self._refuse(error)
            return
        if len(reader.waiting) + turn.waiting_bytes > READ_AHEAD_BYTES:
            self._hold_back()

    def _begin(self, head: RequestHead) -> Turn:
        self._left_requests -= 1
        keeps_alive = head.keeps_alive and self._left_requests > 0
        self._turn = turn = Turn(self, head, keeps_alive=keeps_alive)
        if head.expects_continue and not self._reader.waiting:
            self._transport.write(_CONTINUE)
        self._answers[turn] = self._loop.create_task(self._answer(turn))
        return turn

    async def _answer(self, turn: Turn) -> None:
        terms = self._terms
        try:
            answer = terms.answer(turn)
            if answer is None:
                answer = terms.app(turn.scope(terms.scope), turn.receive, turn.send)
            await answer
        except Exception:
            # The edge of the server: whatever the application did not foresee ends one reply.
            _log.exception("the application failed")
        finally:
            del self._answers[turn]
            if turn is self._turn:
                self._end_for_the_application(turn)

    def _end_for_the_application(self, turn: Turn) -> None:
        """It has returned, and left its reply unsaid or unfinished."""
        if turn.is_started:
            self._transport.abort()  # so that the client sees that something is missing
        elif not turn.is_gone:
            self._refuse(BadRequest(500, "the application gave no answer"))

    def _refuse(self, error: BadRequest) -> None:
        """Tells what is wrong, if there is still room for it, and closes."""
        is_begun = self._turn is not None and self._turn.is_started
        self._leave()
        if not is_begun:
            self.write(refusal(error.status, self.reply_lines()))
        self._transport.close()

    def _leave(self) -> None:
        """The client is gone, as far as the running turn is concerned."""
        if self._turn is not None:
            self._turn.gone()
            self._turn = None
        self.resume_writing()

    def _hold_back(self) -> None:
        """Lets the client wait when more has arrived than is asked for."""
        if not self.is_held_back:
            self.is_held_back = True
            self._transport.pause_reading()

    # Idle time: one timer for each connection, not for each request.

    def _rest(self) -> None:
        self._idle_since_s = self._loop.time()
        if self._idle_timer is None:
            self._idle_timer = self._loop.call_later(self._terms.idle_s, self._look)

    def _look(self) -> None:
        self._idle_timer = None
        if self._turn is not None:
            return  # it is set again behind the reply
        left_s = self._idle_since_s + self._terms.idle_s - self._loop.time()
        if left_s <= 0:
            self._transport.close()
        else:
            self._idle_timer = self._loop.call_later(left_s, self._look)
