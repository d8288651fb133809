"""A reply as it goes onto the wire: its head, and its body in the framing that the client knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from http import HTTPStatus
from typing import Literal

from llmrouter.web.lean_request import RequestHead

COPIED_BYTES = 64 * 1024
"""Up to here putting bytes together costs less than handing them on one by one."""

Framing = Literal["none", "length", "chunks", "close"]
"""How a client sees where the body ends: there is none, by its length, by chunks, or by the end
of the connection (HTTP/1.0 knows no chunks)."""

_WITHOUT_BODY = (204, 304)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class OutgoingReply:
    """Turns a status, headers and parts of a body into bytes; sends nothing itself.

    ``keeps_alive``: the connection may carry another request afterwards.
    """

    __slots__ = ("_framing", "_head", "_left_bytes", "keeps_alive")

    def __init__(
        self,
        request: RequestHead,
        status: int,
        headers: Collection[tuple[str, str]],
        more: bytes,
        *,
        keeps_alive: bool,
    ) -> None:
        """The head goes out with the first bytes of the body.

        ``headers`` have names in lower case; ``more`` are the server's `header_lines`.  Raises
        ``ValueError`` for a header that pretends to be two.
        """
        named = dict(headers)
        added: tuple[tuple[str, str], ...] = ()
        self._left_bytes = 0
        self._framing = framing = _framing(request, status, named)
        if framing == "length":
            self._left_bytes = int(named["content-length"])
        elif framing == "chunks":
            added = (("transfer-encoding", "chunked"),)
        elif framing == "close":
            keeps_alive = False
        if named.get("connection") == "close":
            keeps_alive = False
        elif not keeps_alive:
            added = (*added, ("connection", "close"))
        self.keeps_alive = keeps_alive
        self._head = _head(status, header_lines((*headers, *added) if added else headers) + more)

    def body(self, data: bytes, *, is_last: bool) -> tuple[bytes, ...]:
        """What to send for some of the body.

        Raises ``ValueError`` when the body is not as long as was said.
        """
        head, self._head = self._head, b""
        match self._framing:
            case "length":
                left_bytes = self._left_bytes = self._left_bytes - len(data)
                if left_bytes < 0 or (is_last and left_bytes):
                    raise ValueError("the body is not as long as its content-length says")
                return (head, data)
            case "chunks" if 0 < len(data) <= COPIED_BYTES and not is_last:
                return (b"%b%x\r\n%b\r\n" % (head, len(data), data),)
            case "chunks":
                size = b"%x\r\n" % len(data) if data else b""
                end = b"\r\n" if data else b""
                return (head + size, data, end + b"0\r\n\r\n" if is_last else end)
            case "close":
                return (head, data)
            case "none":
                return (head,)


def whole_reply(
    status: int, headers: Mapping[str, str], body: bytes, more: bytes, *, keeps_alive: bool
) -> tuple[bytes, ...]:
    """A reply whose body is there: what to send.  ``headers`` say nothing of its framing.

    Raises ``ValueError`` for a header that pretends to be two.
    """
    head = b"%b%b%b%b\r\ncontent-length: %d\r\n\r\n" % (
        _status_line(status),
        header_lines(headers.items()),
        more,
        b"" if keeps_alive else _CLOSING,
        len(body),
    )
    return (head + body,) if len(body) <= COPIED_BYTES else (head, body)


def refusal(status: int, more: bytes) -> bytes:
    """The reply to what cannot be read; ``more`` are the server's `header_lines`."""
    return _head(status, _REFUSAL_LINES + more)


def header_lines(headers: Collection[tuple[str, str]]) -> bytes:
    """The headers as they stand in a head, each behind its line break.

    Raises ``ValueError`` for a header that pretends to be two.
    """
    lines = "\r\n".join(["", *map(": ".join, headers)])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header that cannot be sent")
    return lines.encode("latin-1")


def _framing(request: RequestHead, status: int, named: Mapping[str, str]) -> Framing:
    if request.method == "HEAD" or status in _WITHOUT_BODY:
        return "none"
    if "content-length" in named:
        return "length"
    return "chunks" if request.version == "1.1" else "close"


_CLOSING = header_lines([("connection", "close")])
_REFUSAL_LINES = header_lines([("content-length", "0"), ("connection", "close")])


def _head(status: int, lines: bytes) -> bytes:
    return b"%b%b\r\n\r\n" % (_status_line(status), lines)


@cache
def _status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d %b" % (status, _PHRASES.get(status, "").encode())
