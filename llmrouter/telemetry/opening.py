"""Opens the export where the environment asks for it; loads OpenTelemetry only then."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Protocol

from llmrouter.core.finished import FinishedRequest, TraceContext
from llmrouter.telemetry.signals import wanted

_log = logging.getLogger(__name__)


class OpenTelemetry(Protocol):
    """The running export."""

    def begin(self, headers: Mapping[str, str]) -> TraceContext | None:
        """By what a request will be known; None where traces are not exported."""

    def request_over(self, finished: FinishedRequest) -> None:
        """Takes up a finished request; returns at once."""

    async def aclose(self) -> None:
        """Delivers what is waiting, if that is quickly done."""


def open_telemetry(environment: Mapping[str, str], *, node: int) -> OpenTelemetry | None:
    """The export that ``environment`` (its ``OTEL_`` variables) asks for, None when it asks for
    none, or for what cannot be done; the log then says why.  It never stops the router."""
    found = wanted(environment)
    for fault in found.faults:
        _log.error("OpenTelemetry: %s", fault)
    if not found.signals:
        return None
    try:
        export = import_module("llmrouter.telemetry.export")
    except ModuleNotFoundError as error:
        _log.error(  # no trace: it says nothing more
            "OpenTelemetry: %s are to be exported, and %s is not installed: "
            "pip install 'llmrouter[otel]' (or set OTEL_SDK_DISABLED=true)",
            " and ".join(found.signals),
            error.name,
        )
        return None
    try:
        with _visible(environment):
            opened: OpenTelemetry = export.Export(found.signals, environment, node=node)
    except Exception as error:
        # A library that reads variables of its own: whatever it makes of them, the router starts.
        _log.error("OpenTelemetry: nothing is exported: %s", error)  # no trace
        return None
    _log.info("OpenTelemetry: %s are exported", " and ".join(found.signals))
    return opened


@contextlib.contextmanager
def _visible(environment: Mapping[str, str]) -> Iterator[None]:
    """Lets the library, which knows no `.env`, see what stands there while it is set up."""
    added = {name: value for name, value in environment.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
