"""Replays that a server was asked for.

An offline one is a process of its own, so that requests do not wait: it reads the ledger for itself
and prints what it finds; the server, which alone may write to its database, keeps it.  A live one
waits for providers, between the server's own requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

import orjson

from llmrouter.core.errors import Conflict, NotFound
from llmrouter.core.records import plain
from llmrouter.core.replay import (
    STALE_US,
    LiveAsked,
    ReplayAsked,
    ReplayKind,
    ReplayResult,
    ReplayRow,
    ReplayState,
)
from llmrouter.pipeline.tasks import Tasks
from llmrouter.replay.asking import Replays
from llmrouter.replay.live_asking import LiveReplays
from llmrouter.replay.live_options import LiveOrder, options_of, read_order

LINE_BYTES: Final = 16 * 2**20
"""The longest line that is read: a batch of results, or a report."""

_log = logging.getLogger(__name__)


class ReplayDesk:
    """Takes orders for replays, one at a time."""

    def __init__(
        self,
        replays: Replays,
        live: LiveReplays,
        tasks: Tasks,
        environment: Mapping[str, str],
    ) -> None:
        """``environment`` are the variables that let a new process find the same ledger."""
        self._replays = replays
        self._live = live
        self._keeper = live.keeper
        self._tasks = tasks
        self._clock = live.clock
        self._environment = environment
        self._running: int | None = None

    async def start(self, asked: ReplayAsked) -> ReplayRow:
        """Begins a replay, which goes on in the background.

        Raises `ConfigurationInvalid`, `NotFound`, and `Conflict` while another one runs.
        """
        self._require_idle()
        row = await self._replays.begin(asked, self._keeper)
        self._go_on(row, self._carry_out(row))
        return row

    async def start_live(self, asked: ReplayAsked, wanted: LiveAsked) -> ReplayRow:
        """Begins a live replay, which goes on in the background, between the server's requests.

        Raises `InvalidRequest` without a budget, and what `start` raises.
        """
        options = options_of(wanted)
        self._require_idle()
        row = await self._live.begin(asked, options)
        self._go_on(row, self._send(row, LiveOrder(asked.window, options)))
        return row

    async def resume(self, number: int) -> ReplayRow:
        """Goes on with an offline replay that was interrupted."""
        row = resumable(await self._replays.log.get(number), number, self._clock.now_us())
        self._require_idle()
        await self._keeper.end(number, "running")
        self._go_on(row, self._carry_out(row))
        return row

    async def resume_live(self, number: int, wanted: LiveAsked) -> ReplayRow:
        """Goes on with a live replay that was interrupted, or whose money was used up."""
        options = options_of(wanted)
        row = resumable_live(await self._replays.log.get(number), number, self._clock.now_us())
        self._require_idle()
        await self._keeper.end(number, "running")
        self._go_on(row, self._send(row, read_order(row.options).going_on(options)))
        return row

    async def kind_of(self, number: int) -> ReplayKind | None:
        """Of which kind a replay is; None when there is none."""
        row = await self._replays.log.get(number)
        return None if row is None else row.kind

    def _require_idle(self) -> None:
        if self._running is not None:
            raise Conflict(
                f"replay {self._running} is still running; wait for it", code="replay_running"
            )

    def _go_on(self, row: ReplayRow, work: Coroutine[Any, Any, bool]) -> None:
        self._running = row.id
        self._tasks.start(self._work(row, work), name=f"replay {row.id}")

    async def _work(self, row: ReplayRow, work: Coroutine[Any, Any, bool]) -> None:
        finished = False
        try:
            finished = await work
        finally:
            if not finished:
                with contextlib.suppress(Exception):
                    # When the server stops, the ledger may have stopped before: it goes stale.
                    await self._keeper.end(row.id, "interrupted")
            if self._running == row.id:
                self._running = None

    async def _send(self, row: ReplayRow, order: LiveOrder) -> bool:
        """A live replay waits more than it works: it needs no process of its own."""
        await self._live.run(row, order)
        return True

    async def _carry_out(self, row: ReplayRow) -> bool:
        """Whether the process came to its end."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "llmrouter",
            "replay",
            "work",
            str(row.id),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self._environment},
            limit=LINE_BYTES,
        )
        try:
            assert process.stdout is not None  # noqa: S101 -- it was asked for
            async for line in process.stdout:
                await self._take(row, orjson.loads(line))
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            code = await process.wait()
        if code:
            _log.error("replay %d ended with code %d; its messages stand above", row.id, code)
        return code == 0

    async def _take(self, row: ReplayRow, told: Mapping[str, Any]) -> None:
        match told:
            case {"results": list(results), "done": int(done), "changed": int(changed)}:
                await self._keeper.keep(
                    row.id,
                    [read_result(result) for result in results],
                    done=done,
                    changed=changed,
                    requests=told.get("requests"),
                )
            case {"state": "finished", "report": report}:
                self._running = None  # whoever sees that it is finished may start another
                await self._keeper.end(row.id, "finished", report)
            case _:
                raise ValueError(f"a replay's process said {told!r:.200}")


class PrintingKeeper:
    """What the process keeps with: it prints for the server."""

    async def keep(
        self,
        number: int,
        results: Sequence[ReplayResult],
        *,
        done: int,
        changed: int,
        requests: int | None = None,
    ) -> None:
        told: dict[str, Any] = {"results": list(results), "done": done, "changed": changed}
        _print(told if requests is None else {**told, "requests": requests})

    async def end(
        self, number: int, state: ReplayState, report: Mapping[str, Any] | None = None
    ) -> None:
        _print({"state": state, "report": report})


def read_result(document: Mapping[str, Any]) -> ReplayResult:
    """A result as it was printed."""
    return ReplayResult(**{**document, "flags": tuple(document["flags"])})


def resumable(row: ReplayRow | None, number: int, now_us: int, *, alone: bool = False) -> ReplayRow:
    """The replay, if it can be gone on with.  Raises `NotFound` and `Conflict`.

    ``alone``: nobody else can be running it, since we hold the ledger.
    """
    if row is None:
        raise NotFound(f"there is no replay {number}", code="replay_not_found")
    if row.kind != "offline":
        raise Conflict(
            f"replay {number} is a live one; go on with it by "
            f"`llmrouter replay --live --resume {number} --max-usd …`",
            code="replay_live",
        )
    if row.state == "finished":
        raise Conflict(f"replay {number} is finished", code="replay_finished")
    if not alone:
        _check_silent(row, now_us)
    return row


def resumable_live(
    row: ReplayRow | None, number: int, now_us: int, *, alone: bool = False
) -> ReplayRow:
    """The same for a live replay, which is gone on with also after its money was used up."""
    if row is None:
        raise NotFound(f"there is no replay {number}", code="replay_not_found")
    if row.kind != "live":
        raise Conflict(
            f"replay {number} sent nothing; only live replays are resumed with --live",
            code="replay_offline",
        )
    if not alone:
        _check_silent(row, now_us)
    return row


def _check_silent(row: ReplayRow, now_us: int) -> None:
    silent_us = now_us - row.updated_us
    if row.state == "running" and silent_us < STALE_US:
        wait_s = (STALE_US - silent_us) // 1_000_000 + 1
        raise Conflict(
            f"replay {row.id} runs in another process, or did until a moment ago; if nobody runs "
            f"it any more, try again in {wait_s} s",
            code="replay_running",
        )


def _print(document: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, plain) + b"\n")
    sys.stdout.buffer.flush()
