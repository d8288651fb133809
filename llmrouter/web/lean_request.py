"""A client's bytes taken apart into requests, as llhttp reads them: strictly.

Two readers that disagree about where a request ends let one client speak for another (request
smuggling), so whatever could be read in two ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from llmrouter.web.asgi import Headers, header_mapping

HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\n"
"""What a client begins with that knows that the server speaks HTTP/2."""

_HEAD_END: Final = re.compile(rb"\n\r?\n")
"""With a bare line feed, too: llhttp then says what is wrong, instead of everybody waiting."""

_BARE_FRAMING_BYTES: Final = 16 * 1024
"""What chunk sizes, their extensions and trailers may take beside a short body."""

_FRAMING_PER_BODY: Final = 16
"""The same beside a long one, by its bytes: a chunk of one byte takes five more."""

_HOSTS: Final = "one Host header is needed"
_VERSIONS: Final = ("1.1", "1.0")
_CHUNKED_HEAD: Final = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"


class BadRequest(Exception):
    """A request that cannot be read; its connection is no longer of use."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RequestHead:
    """What stands before a body, as `read_head` finds it.  Header names are in lower case.

    ``named`` are the headers as `header_mapping` gives them.  ``body_bytes`` is None for a chunked
    body, whose length nobody knows yet.
    """

    __slots__ = (
        "body_bytes",
        "expects_continue",
        "headers",
        "keeps_alive",
        "method",
        "named",
        "target",
        "version",
    )

    method: str
    version: str
    named: Mapping[str, str]
    body_bytes: int | None
    keeps_alive: bool
    expects_continue: bool

    def __init__(self) -> None:
        self.target = b""
        self.headers: Headers = []

    # What the parser finds

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip()))


class RequestReader:
    """One request after the other, each as a head and then its body.

    Whoever asks for a head has had all of the body before it.
    """

    __slots__ = ("_buffer", "_chunked", "_head_bytes", "_left_bytes")

    def __init__(self, head_bytes: int) -> None:
        """``head_bytes`` is how long a head may be."""
        self._head_bytes = head_bytes
        self._buffer = b""
        self._left_bytes = 0
        self._chunked: ChunkedBody | None = None

    @property
    def waiting_bytes(self) -> int:
        """What has arrived and was not asked for."""
        return len(self._buffer)

    @property
    def wants_http2(self) -> bool:
        """Whether this is no HTTP/1 at all."""
        return self._buffer.startswith(HTTP2_PREFACE)

    @property
    def is_lost(self) -> bool:
        """Whether nobody knows where the next request begins."""
        return self._chunked is not None and self._chunked.is_followed

    def feed(self, data: bytes) -> None:
        """Takes what arrived."""
        self._buffer = self._buffer + data if self._buffer else data

    def unread(self) -> bytes:
        """Gives back what was not asked for."""
        unread, self._buffer = self._buffer, b""
        return unread

    def head(self) -> RequestHead | None:
        """The next head, when all of it is there.  Raises `BadRequest`."""
        buffer = self._buffer
        if buffer.startswith((b"\r", b"\n")):
            buffer = self._buffer = buffer.lstrip(b"\r\n")  # RFC 9112, 2.2: before a request line
        found = _HEAD_END.search(buffer)
        end = len(buffer) if found is None else found.end()
        if end > self._head_bytes:
            raise BadRequest(431, f"the head is longer than {self._head_bytes} bytes")
        if found is None:
            return None
        head = read_head(buffer[:end])
        self._buffer = buffer[end:]
        self._chunked = ChunkedBody() if head.body_bytes is None else None
        self._left_bytes = head.body_bytes or 0
        return head

    def body(self) -> tuple[bytes, bool]:
        """What is there of the body, and whether that is the last of it.  Raises `BadRequest`."""
        data = self.unread()
        if self._chunked is not None:
            return self._chunked.feed(data), self._chunked.is_over
        left_bytes = self._left_bytes - len(data)
        if left_bytes < 0:
            data, self._buffer = data[:left_bytes], data[left_bytes:]
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
    named = head.named = header_mapping(head.headers)
    if "host" not in named:
        if version == "1.1":
            raise BadRequest(400, _HOSTS)
    elif len(named) != len(head.headers) and _hosts(head) > 1:
        raise BadRequest(400, _HOSTS)
    head.method = parser.get_method().decode("ascii")
    head.body_bytes = _body_bytes(named)
    # As h11 has it: a client of HTTP/1.0 is sent one reply for each connection.
    head.keeps_alive = version == "1.1" and not _asks_to_close(named)
    head.expects_continue = "expect" in named and named["expect"].lower() == "100-continue"
    return head


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


def _hosts(head: RequestHead) -> int:
    return sum(name == b"host" for name, _ in head.headers)


def _asks_to_close(named: Mapping[str, str]) -> bool:
    options = named.get("connection")
    if options is None or options == "keep-alive":
        return False
    return any(option.strip() == "close" for option in options.lower().split(","))


def _body_bytes(named: Mapping[str, str]) -> int | None:
    coding = named.get("transfer-encoding")
    if coding is None:
        return int(named.get("content-length", 0))
    if coding.lower() != "chunked":
        raise BadRequest(501, "a transfer-encoding other than chunked")
    return None
