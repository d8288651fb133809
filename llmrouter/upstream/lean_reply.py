"""One reply as it comes off the wire: its head, its framing, and the body that nobody took yet."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from itertools import chain
from typing import Protocol

from httptools import HttpParserError, HttpResponseParser

from llmrouter.core.upstream import Take
from llmrouter.upstream.faults import CarrierError, NotHttp
from llmrouter.upstream.progress import Progress

READ_AHEAD_BYTES = 256 * 1024
"""How much of a body may wait for a slow reader; then the provider waits."""

HEAD_BYTES = 100 * 1024
"""What the head may be long, as in httpcore; the trailers of a chunked body count, too."""

_SETTINGS_FRAME = 4
"""The type of HTTP/2's first frame, in its fourth byte (RFC 9113, 3.4 and 4.1)."""

_SWITCHING = 101
_WITHOUT_BODY = (204, 304)


class Bearer(Protocol):
    """The connection that a reply comes over, as far as the reply is concerned."""

    def resume_reading(self) -> None:
        """Nothing of a body waits any more of which more than `READ_AHEAD_BYTES` did."""

    def release(self, reply: IncomingReply) -> None:
        """The call is over: back to the pool, or closed when the provider has not finished."""

    def close(self) -> None:
        """The call has failed."""


class IncomingReply:
    """A `llmrouter.upstream.carrier.CarriedReply`, fed by its connection and read by its call.

    ``status`` and ``headers``, which have names in lower case and are joined by commas where they
    came several times, are there once it ``has_head``.
    ``is_complete``: the framing says that it is whole.  ``keeps_alive``: the connection may carry
    another request afterwards.  ``pending_bytes`` have arrived and were not taken.
    """

    __slots__ = (
        "_bearer",
        "_error",
        "_fed_bytes",
        "_fields",
        "_flow",
        "_header_bytes",
        "_is_parsed",
        "_parser",
        "_pending",
        "_waiter",
        "has_head",
        "headers",
        "is_complete",
        "keeps_alive",
        "pending_bytes",
        "progress",
        "status",
    )

    status: int
    headers: Mapping[str, str]

    def __init__(self, progress: Progress, bearer: Bearer) -> None:
        self.progress = progress
        self.has_head = False
        self.is_complete = False
        self.keeps_alive = False
        self.pending_bytes = 0
        self._bearer = bearer
        self._pending: list[bytes] = []
        self._fields: list[tuple[bytes, bytes]] = []
        self._fed_bytes = 0  # up to the end of the head, and what came along with that
        self._header_bytes = 0
        self._error: CarrierError | TimeoutError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._flow: _Flow | None = None
        # One for each reply: what a reply leaves behind in it is no part of the next one.
        self._parser = HttpResponseParser(self)
        self._is_parsed = False
        # As h11 reads them, and RFC 9112 (2.2, 6.3) allows; chunk sizes are padded by some servers.
        self._parser.set_dangerous_leniencies(
            lenient_chunked_length=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )

    # What the connection tells

    def feed(self, data: bytes) -> None:
        """Takes what arrived."""
        if self._is_parsed:
            self.keeps_alive = False  # there is more than the reply
            return
        if not self.has_head:
            self.progress.has_response_bytes = True
            if not self._fed_bytes and not data.startswith(b"H"):
                self.fail(NotHttp(_foreign(data)))
                return
            self._fed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._break_off(error)
        if not self.has_head:
            if self._fed_bytes > HEAD_BYTES:
                self.fail(_too_long())
            return
        if self.is_complete:
            self._stop_parsing()
        if self._flow is not None:
            self._hand_on(self._flow)
        elif self._waiter is not None:
            self._wake()

    def end(self) -> None:
        """The provider closed its side."""
        self.keeps_alive = False
        if self.is_complete:
            return
        self.progress.is_at_eof = True
        if self.has_head and _is_close_delimited(self.status, self.headers):
            self.is_complete = True
            self._let_go()
        else:
            self.fail(NotHttp("the provider closed the connection"))

    def fail(self, error: CarrierError | TimeoutError) -> None:
        """Nothing more will come; what has come can still be taken."""
        self.keeps_alive = False
        if not self.is_complete and self._error is None:
            self._error = error
        self._let_go()

    def forget(self) -> None:
        """Nobody reads it any more: lets go of all that holds it in its turn, its parser and the
        error whose traceback knows its readers."""
        self._stop_parsing()
        self._error = None

    # What the call asks

    def more(self) -> asyncio.Future[None]:
        """Done when something new has come.

        Raises `CarrierError`, and ``TimeoutError`` when the connection says so.
        """
        if self._error is not None:
            raise self._error
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        return waiter

    async def take(self) -> bytes:
        """All of the body that has arrived; empty at its end.

        Raises `CarrierError`; whatever is raised, the connection is closed.
        """
        try:
            return await self._arrival()
        except BaseException:
            self._bearer.close()
            raise

    def arrived(self) -> bytes | None:
        pending = self._pending
        if not pending:
            return b"" if self.is_complete else None
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        if self.pending_bytes > READ_AHEAD_BYTES:
            self._bearer.resume_reading()
        self.pending_bytes = 0
        return data

    async def flow(self, take: Take, limit_bytes: int) -> int:
        """Hands the body to ``take`` as it arrives, for as long as that is all there is to do.

        Returns how many bytes it took; what comes after them waits for `take`, and so do the end,
        a failure, and what would be more than ``limit_bytes``.  What ``take`` raises closes the
        connection.
        """
        if self._pending or self.is_complete or self._error is not None:
            return 0
        flow = self._flow = _Flow(take, limit_bytes)
        try:
            await self.more()
        except BaseException:
            self._bearer.close()
            raise
        finally:
            self._flow = None
        return limit_bytes - flow.left_bytes

    async def aclose(self) -> None:
        """Gives the connection back, once."""
        self._bearer.release(self)

    # What the parser finds

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise NotHttp("a second reply")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head:
            self._count(((name, value),))  # a trailer
        else:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        fields, self._fields = self._fields, []
        if self._fed_bytes > HEAD_BYTES:  # with some of the body, or not
            self._count(fields)
        status = self._parser.get_status_code()
        if status < 200:
            if status < 100 or status == _SWITCHING:
                raise NotHttp(f"status {status} answers no request")
            return  # 100 Continue or 103 Early Hints: the reply is yet to come
        headers = self.headers = _header_mapping(fields)
        if "transfer-encoding" in headers:
            _require_chunked(headers["transfer-encoding"])
        self.status = status
        self.has_head = True
        # h11 takes bare line feeds in a head, and nowhere else.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=False)

    def on_body(self, data: bytes) -> None:
        self._pending.append(data)
        self.pending_bytes += len(data)

    def on_message_complete(self) -> None:
        if self.has_head:
            self.is_complete = True
            self.keeps_alive = self._parser.should_keep_alive()

    async def _arrival(self) -> bytes:
        while (data := self.arrived()) is None:
            await self.more()
        return data

    def _count(self, fields: Collection[tuple[bytes, bytes]]) -> None:
        self._header_bytes += sum(map(len, chain.from_iterable(fields)))
        if self._header_bytes > HEAD_BYTES:
            raise _too_long()

    def _break_off(self, error: HttpParserError) -> None:
        """What our own checks found, or the parser."""
        self.keeps_alive = False
        cause = error.__context__
        if isinstance(cause, CarrierError):
            self.fail(cause)
        else:
            self.fail(NotHttp(str(error)))

    def _hand_on(self, flow: _Flow) -> None:
        """Gives what has arrived to the flow, or wakes the call that waits for it."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self.pending_bytes > flow.left_bytes:
            self._wake()
            return
        flow.left_bytes -= self.pending_bytes
        data = self.arrived()
        try:
            wants_more = not data or flow.take(data)
        except Exception as error:
            # The call's own fault, or the reply's: it is the call that has to hear of it.
            self._waiter = None
            waiter.set_exception(error)
            return
        if self.is_complete or not wants_more:
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _let_go(self) -> None:
        self._stop_parsing()
        self._wake()

    def _stop_parsing(self) -> None:
        if not self._is_parsed:
            self._is_parsed = True
            del self._parser  # they hold each other


class _Flow:
    """Who takes what arrives, and how much."""

    __slots__ = ("left_bytes", "take")

    def __init__(self, take: Take, left_bytes: int) -> None:
        self.take = take
        self.left_bytes = left_bytes


def _is_close_delimited(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the body ends with the connection."""
    is_framed = "transfer-encoding" in headers or "content-length" in headers
    return not is_framed and status not in _WITHOUT_BODY


def _require_chunked(coding: str) -> None:
    """Raises `NotHttp` for a framing that is not known, as h11 does."""
    if coding.strip().lower() != "chunked":
        raise NotHttp("a transfer-encoding other than chunked")


def _header_mapping(fields: Collection[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; what came several times is joined by commas."""
    try:
        mapping = {name.decode("latin-1").lower(): value.decode() for name, value in fields}
    except UnicodeDecodeError:
        mapping = {}
    if len(mapping) == len(fields):
        return mapping
    mapping.clear()
    for raw_name, value in fields:
        name = raw_name.decode("latin-1").lower()
        mapping[name] = f"{mapping[name]}, {_text(value)}" if name in mapping else _text(value)
    return mapping


def _text(value: bytes) -> str:
    """As httpx reads a header."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _foreign(beginning: bytes) -> str:
    if beginning[0] == 0 and beginning[3:4] == bytes([_SETTINGS_FRAME]):
        return "it is HTTP/2, which this router does not speak to providers; it needs HTTP/1.1"
    return "it does not begin like a reply of HTTP/1"


def _too_long() -> NotHttp:
    return NotHttp(f"the reply's head is longer than {HEAD_BYTES} bytes")
