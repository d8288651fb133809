"""One part after the other: puts a reply's interleaved deltas in order.

Chat completions may mix the pieces of parallel tool calls; most other dialects speak of one part
at a time.  While a call is open, what belongs to others waits for its end.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    Delta,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
)


class Sequencer:
    """Gives deltas on in an order in which no part begins before the last one ended."""

    def __init__(self) -> None:
        self._open: int | None = None
        self._waiting: list[Delta] = []

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """The deltas whose turn it is."""
        ready: list[Delta] = []
        for delta in deltas:
            if self._open is None and type(delta) is TextDelta:
                ready.append(delta)  # nothing is waited for, and nothing waits
            else:
                self._take(delta, ready)
        return ready

    def finish(self) -> list[Delta]:
        """The rest, with an end for each call that was left open."""
        ready: list[Delta] = []
        while self._open is not None:
            self._take(ToolCallEnded(self._open), ready)
        return ready

    def _take(self, delta: Delta, ready: list[Delta]) -> None:
        if self._open is not None and _call_of(delta) != self._open:
            self._waiting.append(delta)
            return
        ready.append(delta)
        match delta:
            case ToolCallStarted():
                self._open = delta.call
            case ToolCallEnded():
                self._open = None
                waiting, self._waiting = self._waiting, []
                for late in waiting:
                    self._take(late, ready)
            case _:
                pass


def _call_of(delta: Delta) -> int | None:
    match delta:
        case ToolCallStarted() | ArgumentsDelta() | ToolCallEnded():
            return delta.call
        case _:
            return None
