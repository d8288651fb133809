"""Several addresses of one host, tried beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from llmrouter.upstream.faults import NoConnection, first_cause, is_ours

NEXT_ADDRESS_AFTER_S = 0.25
"""RFC 8305's recommended delay before the next address is tried beside the last one."""

T = TypeVar("T")


async def first_to_open(
    addresses: tuple[str, ...],
    connect: Callable[[str], Coroutine[Any, Any, T]],
    close: Callable[[T], Awaitable[None]],
) -> T:
    """The first connection that opens; a slow address does not hold up the next one.

    Raises `NoConnection` with every address's reason; with a single address, and when
    this machine is to blame, what ``connect`` raises.
    """
    if len(addresses) == 1:
        return await connect(addresses[0])
    waiting = list(reversed(addresses))
    running: set[asyncio.Task[T]] = set()
    failures: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(connect(waiting.pop())))
            done, running = await asyncio.wait(
                running,
                timeout=NEXT_ADDRESS_AFTER_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                failure = task.exception()
                if failure is None:
                    running |= done - {task}
                    return task.result()
                if is_ours(failure):
                    raise failure  # another address would fare no better
                failures.append(failure)
    finally:
        await _drop(running, close)
    raise NoConnection("; ".join(first_cause(failure) for failure in failures))


async def _drop(tasks: set[asyncio.Task[T]], close: Callable[[T], Awaitable[None]]) -> None:
    """Stops the losers of a race, and closes one that opened in the same moment."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            with suppress(OSError):
                await close(outcome)
