"""Every error that httpx can raise is one of ours behind its door."""

from __future__ import annotations

import httpx
import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import FaultKind
from llmrouter.upstream.faults import CARRIER_ERRORS, as_attempt_error, kind_of
from llmrouter.upstream.plain import as_carrier_errors
from llmrouter.upstream.progress import Progress
from tests.upstream.calling import call

OF_THE_CLIENT = httpx.TooManyRedirects | httpx.HTTPStatusError


def error_classes() -> list[type[Exception]]:
    """httpx's exceptions that are no base of others; aside from misuse of its API (`StreamError`)
    and from what its client raises, which is not used."""
    exported = [getattr(httpx, name) for name in httpx.__all__]
    errors = [
        e
        for e in exported
        if isinstance(e, type)
        and issubclass(e, Exception)
        and not issubclass(e, httpx.StreamError | httpx.CookieConflict | OF_THE_CLIENT)
    ]
    return [e for e in errors if not e.__subclasses__()]


KINDS: dict[type[Exception], FaultKind] = {
    httpx.ConnectError: "connect",
    httpx.ProxyError: "connect",
    httpx.LocalProtocolError: "connect",
    httpx.UnsupportedProtocol: "connect",
    httpx.InvalidURL: "connect",
    httpx.ConnectTimeout: "timeout",
    httpx.ReadTimeout: "timeout",
    httpx.WriteTimeout: "timeout",
    httpx.PoolTimeout: "timeout",
    httpx.ReadError: "reset",
    httpx.WriteError: "reset",
    httpx.CloseError: "reset",
    httpx.RemoteProtocolError: "bad_body",
    httpx.DecodingError: "bad_body",
}


def an(error_class: type[Exception]) -> Exception:
    """An instance, whatever its constructor wants."""
    error = error_class.__new__(error_class)
    Exception.__init__(error, "words")
    return error


@pytest.mark.parametrize("error_class", error_classes())
def test_each_error_is_mapped(error_class: type[Exception]) -> None:
    theirs = an(error_class)
    with pytest.raises(CARRIER_ERRORS) as caught, as_carrier_errors():
        raise theirs
    ours = caught.value
    assert ours.__cause__ is theirs
    assert kind_of(ours) == KINDS[error_class]
    progress = Progress(call("http://x.example"), FakeClock())
    assert as_attempt_error(ours, progress).kind == KINDS[error_class]


def test_the_list_is_whole() -> None:
    assert set(error_classes()) == KINDS.keys()
