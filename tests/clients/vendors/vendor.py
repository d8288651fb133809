"""What a vendor's upstream is made of, and the script that serves it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.clients.scene import REFUSAL, Asked, Turn, turn_for
from tests.provider import Script, Seen, Wire

PIECE_BYTES = 61
"""Streams arrive in pieces that end wherever they end."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """``base_path`` is what stands before its endpoints; ``says`` are the classes of usage that it
    reports.  ``signs``: it signs thoughts or calls, and wants its signature back; ``unsigned`` is
    what its manual has for a signature that is not there."""

    base_path: str
    stream_type: str
    asked: Callable[[Seen], Asked]
    whole: Callable[[Turn, str], Mapping[str, Any]]
    stream: Callable[[Turn, str], bytes]
    error: Callable[[int, str], Mapping[str, Any]]
    model_of: Callable[[Seen], str]
    says: frozenset[str]
    signs: bool = False
    unsigned: tuple[str, ...] = ()

    def script(self) -> Script:
        """Answers every request by its model's name."""

        async def run(wire: Wire, seen: Seen) -> None:
            model = self.model_of(seen)
            status = {"refused": 400, "limited": 429}.get(model.partition("-")[0])
            if status is not None:
                await self._refuse(wire, status, REFUSAL)
                return
            try:
                asked = self.asked(seen)
            except (AssertionError, KeyError, TypeError, ValueError) as error:
                # As the vendor would: the client then shows what was wrong.
                await self._refuse(wire, 422, f"not in the manual: {error!r}")
                return
            turn = turn_for(model, has_results=any(s.kind == "result" for s in asked.said))
            if not asked.stream:
                data = json.dumps(self.whole(turn, model)).encode()
                await wire.head(length=len(data))
                await wire.send(data)
                return
            stream = self.stream(turn, model)
            await wire.head(content_type=self.stream_type)
            for start in range(0, len(stream), PIECE_BYTES):
                await wire.send(stream[start : start + PIECE_BYTES])
            await wire.end()

        return run

    async def _refuse(self, wire: Wire, status: int, message: str) -> None:
        data = json.dumps(self.error(status, message)).encode()
        await wire.head(status, length=len(data))
        await wire.send(data)


def model_in_body(seen: Seen) -> str:
    """Where most dialects name the model."""
    return str(seen.json["model"])


def words(text: str) -> Sequence[str]:
    """A text in the pieces in which models say it."""
    spaced = text.split(" ")
    return [word if n == 0 else f" {word}" for n, word in enumerate(spaced)] if text else []


def halves(text: str) -> tuple[str, str]:
    """A text in two pieces."""
    return text[: len(text) // 2], text[len(text) // 2 :]
