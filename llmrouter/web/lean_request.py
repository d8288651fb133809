"""A client's bytes taken apart into requests, as llhttp reads them: strictly.

Two readers that disagree about where a request ends let one client speak for another (request
smuggling), so whatever could be read in two ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from llmrouter.web.asgi import Headers

HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\n"
"""What a client begins with that knows that the server speaks HTTP/2."""

_HEAD_END: Final = b"\r\n\r\n"
_BARE_HEAD_END: Final = re.compile(rb"\n\r?\n")
"""What some would take for the end of a head, too: it is refused, instead of everybody waiting."""

_BARE_FRAMING_BYTES: Final = 16 * 1024
"""What chunk sizes, their extensions and trailers may take beside a short body."""

_FRAMING_PER_BODY: Final = 16
"""The same beside a long one, by its bytes: a chunk of one byte takes five more."""

_HOSTS: Final = "one Host header is needed"
_VERSIONS: Final = ("1.1", "1.0")
_SPACES: Final = " \t"
_CHUNKED_HEAD: Final = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"


class BadRequest(Exception):
    """A request that cannot be read; its connection is no longer of use."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RequestHead:
    """What stands before a body, as `read_head` finds it.

    ``headers`` are by name, in lower case; repeated ones are joined by commas.  ``body_bytes`` is
    None for a chunked body, whose length nobody knows yet.
    """

    __slots__ = (
        "body_bytes",
        "expects_continue",
        "headers",
        "keeps_alive",
        "method",
        "target",
        "version",
    )

    method: str
    version: str
    headers: Mapping[str, str]
    body_bytes: int | None
    keeps_alive: bool
    expects_continue: bool

    def __init__(self) -> None:
        self.target = b""

    def on_url(self, url: bytes) -> None:
        """The parser's; all else is asked for once it is through."""
        self.target += url


class RequestReader:
    """One request after the other, each as a head and then its body.

    Whoever asks for a head has had all of the body before it.  ``waiting`` has arrived and was not
    asked for; ``is_lost``: nobody knows where the next request begins.
    """

    __slots__ = ("_chunked", "_head_bytes", "_left_bytes", "is_lost", "waiting")

    def __init__(self, head_bytes: int) -> None:
        """``head_bytes`` is how long a head may be."""
        self.waiting = b""
        self.is_lost = False
        self._head_bytes = head_bytes
        self._left_bytes = 0
        self._chunked: ChunkedBody | None = None

    def head(self) -> RequestHead | None:
        """The next head, when all of it is there.  Raises `BadRequest`."""
        waiting = self.waiting
        if waiting.startswith((b"\r", b"\n")):
            waiting = self.waiting = waiting.lstrip(b"\r\n")  # RFC 9112, 2.2
        end = waiting.find(_HEAD_END)
        if end == -1:
            self._check_begun(waiting)
            return None
        end += len(_HEAD_END)
        if end > self._head_bytes:
            raise self._too_long()
        head = read_head(waiting[:end])
        self.waiting = waiting[end:]
        if head.body_bytes is None:
            self._chunked = ChunkedBody()
        else:
            self._chunked = None
            self._left_bytes = head.body_bytes
        return head

    def _check_begun(self, head: bytes) -> None:
        """Raises `BadRequest` for a head that need not go on."""
        if _BARE_HEAD_END.search(head):
            raise BadRequest(400, "a line feed without its carriage return")
        if len(head) > self._head_bytes:
            raise self._too_long()

    def _too_long(self) -> BadRequest:
        return BadRequest(431, f"the head is longer than {self._head_bytes} bytes")

    def body(self) -> tuple[bytes, bool]:
        """What is there of the body, and whether that is the last of it.  Raises `BadRequest`."""
        data, self.waiting = self.waiting, b""
        if self._chunked is not None:
            plain = self._chunked.feed(data)
            self.is_lost = self._chunked.is_followed
            return plain, self._chunked.is_over
        left_bytes = self._left_bytes - len(data)
        if left_bytes < 0:
            data, self.waiting = data[:left_bytes], data[left_bytes:]
            left_bytes = 0
        self._left_bytes = left_bytes
        return data, left_bytes == 0


def read_head(data: bytes) -> RequestHead:
    """The head in ``data``, which ends with its empty line.  Raises `BadRequest`."""
    head = RequestHead()
    parser = HttpRequestParser(head)
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        pass  # an offer, which HTTP lets us decline by answering as if it had not been made
    except HttpParserError as error:
        raise BadRequest(400, str(error)) from None
    version = head.version = parser.get_http_version()
    if version not in _VERSIONS:
        raise BadRequest(505, f"HTTP/{version} is not spoken here")
    headers = head.headers = _headers(data)
    if "host" not in headers and version == "1.1":
        raise BadRequest(400, _HOSTS)
    head.method = parser.get_method().decode("ascii")
    if "transfer-encoding" in headers:
        _require_chunked(headers["transfer-encoding"])
        head.body_bytes = None
    else:
        head.body_bytes = int(headers.get("content-length", 0))
    # As h11 has it: a client of HTTP/1.0 is sent one reply for each connection.
    head.keeps_alive = version == "1.1" and (
        "connection" not in headers or not _asks_to_close(headers["connection"])
    )
    head.expects_continue = "expect" in headers and headers["expect"].lower() == "100-continue"
    return head


def raw_headers(headers: Mapping[str, str]) -> Headers:
    """The headers as ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _headers(data: bytes) -> dict[str, str]:
    """The headers of a head in which llhttp has found one on each line, and nothing else."""
    lines = data.decode("latin-1").split("\r\n")[1:-2]
    fields = map(str.partition, lines, repeat(":"))
    headers = {name.lower(): value.strip(_SPACES) for name, _, value in fields}
    return headers if len(headers) == len(lines) else _joined(lines)


def _joined(lines: Sequence[str]) -> dict[str, str]:
    """The same where some come several times.  Raises `BadRequest`."""
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(_SPACES)
        if name == "host" and name in headers:
            raise BadRequest(400, _HOSTS)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class ChunkedBody:
    """Takes a chunked body apart; ``is_over`` once its last chunk and its trailers are read."""

    def __init__(self) -> None:
        self.is_over = False
        self.is_followed = False
        """Something came behind it, which cannot be told apart from it."""
        self._parts: list[bytes] = []
        self._fed_bytes = 0
        self._body_bytes = 0
        # A parser of its own: that of the head stops where another protocol is offered.
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(_CHUNKED_HEAD)

    def feed(self, data: bytes) -> bytes:
        """The body's bytes in ``data``.  Raises `BadRequest`."""
        self._fed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if not self.is_over:
                raise BadRequest(400, str(error)) from None
            self.is_followed = True
        parts, self._parts = self._parts, []
        self._body_bytes += sum(map(len, parts))
        framing_bytes = self._fed_bytes - self._body_bytes
        if framing_bytes > _BARE_FRAMING_BYTES + _FRAMING_PER_BODY * self._body_bytes:
            raise BadRequest(400, "the body's framing outweighs the body")
        return b"".join(parts)

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_begin(self) -> None:
        if self.is_over:
            raise BadRequest(400, "a further request")

    def on_message_complete(self) -> None:
        self.is_over = True


def _asks_to_close(options: str) -> bool:
    if options == "keep-alive":
        return False
    return any(option.strip() == "close" for option in options.lower().split(","))


def _require_chunked(coding: str) -> None:
    if coding.lower() != "chunked":
        raise BadRequest(501, "a transfer-encoding other than chunked")
