"""Which event loop the server runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec

from llmrouter.settings.values import EventLoop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class LoopUnavailable(Exception):
    """The event loop that was asked for is not installed; the message says what to do."""


def loop_factory(choice: EventLoop) -> LoopFactory | None:
    """What makes the loop; None for asyncio's own.  Raises `LoopUnavailable`."""
    if choice == "asyncio":
        return None
    if find_spec("uvloop") is None:
        if choice == "auto":
            return None
        raise LoopUnavailable(
            "LLMROUTER_EVENT_LOOP is uvloop, which is not installed here. Install it (there is "
            "none for Windows), or set LLMROUTER_EVENT_LOOP=auto."
        )
    import uvloop  # here, because there is none for Windows

    return uvloop.new_event_loop
