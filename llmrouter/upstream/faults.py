"""What went wrong on the way, as the facts of a failed attempt."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator

import httpx

from llmrouter.core.errors import AttemptError, FaultKind
from llmrouter.upstream.progress import Progress

FOREIGN_ERRORS = (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, TimeoutError)
"""Everything that a transport may raise."""

_KINDS: tuple[tuple[type[Exception], FaultKind], ...] = (
    # The most specific first.
    (httpx.TimeoutException, "timeout"),
    (TimeoutError, "timeout"),
    (httpx.ConnectError, "connect"),
    (httpx.NetworkError, "reset"),
    (httpx.RemoteProtocolError, "bad_body"),
    (httpx.DecodingError, "bad_body"),
    (httpx.TooManyRedirects, "redirect"),
    (httpx.HTTPStatusError, "status"),
    (httpx.ProxyError, "connect"),
    (httpx.UnsupportedProtocol, "connect"),
    (httpx.LocalProtocolError, "connect"),
    (httpx.InvalidURL, "connect"),
    (ssl.SSLError, "tls"),
    (OSError, "reset"),
)


_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""What the operating system says when it is this machine that has nothing left."""


def is_ours(error: BaseException) -> bool:
    """Whether the provider was not even asked, for want of a file or a port."""
    return any(isinstance(e, OSError) and e.errno in _OURS for e in _chain(error))


def kind_of(error: Exception) -> FaultKind | None:
    """The kind by the error's class alone; None for one that is not known here."""
    return next((kind for known, kind in _KINDS if isinstance(error, known)), None)


def as_attempt_error(error: Exception, progress: Progress) -> AttemptError:
    """The error as an `AttemptError`, told by its class and by how far the call had come."""
    kind = kind_of(error) or "reset"
    phase = progress.phase
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        # The library's text would quote the header, and with it the key.
        return AttemptError("connect", "send", "the request can't be sent: its URL or a header")
    if kind == "timeout":
        waited_for = "headers" if phase in ("send", "headers") else "connection"
        return AttemptError("timeout", phase, f"no {waited_for} within {progress.limit_s:g} s")
    if is_ours(error):
        kind = "exhausted"
    elif kind == "connect" and phase == "dns":
        kind = "dns"
    elif kind in ("connect", "reset") and phase == "tls":
        kind = "tls"
    elif kind == "bad_body" and progress.is_at_eof:
        # Both ways the text is the parser's; that the other side closed is what counts.
        kind = "truncated" if phase == "body" else "reset"
    text = str(error) if kind == "dns" else first_cause(error)
    return AttemptError(kind, phase, f"{_SAYINGS.get(kind, 'the call failed')}: {text}")


_SAYINGS: dict[FaultKind, str] = {
    "exhausted": "the router has no connection left",
    "connect": "no connection",
    "dns": "no address",
    "tls": "no trusted connection",
    "reset": "the connection was lost",
    "truncated": "the reply was cut off",
    "bad_body": "the reply is not valid HTTP",
}


def first_cause(error: BaseException) -> str:
    """The operating system's or the parser's own words; what is wrapped around them says less."""
    *_, inner = _chain(error)
    return str(inner) or type(inner).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it; httpcore's pool clears the cause, and leaves the context."""
    yield error
    inner = error.__cause__ or error.__context__
    while isinstance(inner, Exception):
        yield inner
        inner = inner.__cause__ or inner.__context__
