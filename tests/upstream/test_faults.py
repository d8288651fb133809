"""Every error that httpx can raise is one that we know."""

from __future__ import annotations

import httpx
import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.upstream.faults import FOREIGN_ERRORS, as_attempt_error, kind_of
from llmrouter.upstream.progress import Progress
from tests.upstream.calling import call


def error_classes() -> list[type[Exception]]:
    """httpx's exceptions that are no base of others; misuse of its API (`StreamError`) aside."""
    exported = [getattr(httpx, name) for name in httpx.__all__]
    errors = [
        e
        for e in exported
        if isinstance(e, type)
        and issubclass(e, Exception)
        and not issubclass(e, httpx.StreamError | httpx.CookieConflict)
    ]
    return [e for e in errors if not e.__subclasses__()]


def an(error_class: type[Exception]) -> Exception:
    """An instance, whatever its constructor wants."""
    error = error_class.__new__(error_class)
    Exception.__init__(error, "words")
    return error


@pytest.mark.parametrize("error_class", error_classes())
def test_each_error_is_mapped(error_class: type[Exception]) -> None:
    error = an(error_class)
    assert isinstance(error, FOREIGN_ERRORS)
    assert kind_of(error) is not None
    progress = Progress(call("http://x.example"), FakeClock())
    assert as_attempt_error(error, progress).kind == kind_of(error)


def test_the_list_is_not_empty() -> None:
    assert {httpx.ConnectError, httpx.ReadTimeout, httpx.InvalidURL} <= set(error_classes())
