"""What went wrong on the way, as the facts of a failed attempt.

A carrier raises one of `CARRIER_ERRORS`:

- `CarrierError`
  - `NotSendable`: its URL or a header is none
  - `NoConnection`: the provider cannot be reached
  - `ConnectionLost`: it was, and is no more
  - `NotHttp`: it answers, with something else
- ``TimeoutError``, ``ssl.SSLError`` and any other ``OSError``, as Python has them
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator
from typing import ClassVar

from llmrouter.core.errors import AttemptError, FaultKind
from llmrouter.upstream.progress import Progress


class CarrierError(Exception):
    """What stops a call on its way; ``kind`` is what its class alone says."""

    kind: ClassVar[FaultKind]


class NotSendable(CarrierError):
    """The request is none that HTTP can send."""

    kind = "connect"


class NoConnection(CarrierError):
    """No address, or none that answers."""

    kind = "connect"


class ConnectionLost(CarrierError):
    """The connection ended, or broke, in the midst of a call."""

    kind = "reset"


class NotHttp(CarrierError):
    """What came is no reply, or not a whole one."""

    kind = "bad_body"


CARRIER_ERRORS = (CarrierError, OSError)
"""Everything that a carrier may raise."""

_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""What the operating system says when it is this machine that has nothing left."""


def is_ours(error: BaseException) -> bool:
    """Whether the provider was not even asked, for want of a file or a port."""
    return any(isinstance(e, OSError) and e.errno in _OURS for e in _chain(error))


def kind_of(error: Exception) -> FaultKind:
    """The kind by the error's class alone."""
    match error:
        case CarrierError():
            return error.kind
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls"
        case _:
            return "reset"


def as_attempt_error(error: Exception, progress: Progress) -> AttemptError:
    """The error as an `AttemptError`, told by its class and by how far the call had come."""
    kind = kind_of(error)
    phase = progress.phase
    if isinstance(error, NotSendable):
        # The library's own text would quote the header, and with it the key.
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
