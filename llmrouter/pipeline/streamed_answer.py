"""`StreamedAnswer`: the rest of an attempt's stream, once its first token has arrived."""

from __future__ import annotations

from typing import Protocol

from llmrouter.core.errors import AttemptError, StreamBroken
from llmrouter.core.upstream import Take
from llmrouter.pipeline.attempt import Attempt
from llmrouter.policy.failures import Verdict


class Books(Protocol):
    """Who keeps account of the attempt."""

    async def book_failure(self, attempt: Attempt, error: AttemptError) -> Verdict:
        """Judges a failure, moves the breaker, and writes it down."""

    def release(self, attempt: Attempt) -> None:
        """Gives back what the attempt held; its outcome says nothing about the target."""


class StreamedAnswer:
    """A `llmrouter.pipeline.exchange.Relay`."""

    def __init__(self, books: Books, attempt: Attempt, first: bytes) -> None:
        """``first`` is what has arrived, up to and with the first token."""
        self._books = books
        self._attempt = attempt
        self._first: bytes | None = first

    @property
    def terminator(self) -> bytes:
        return self._attempt.terminator

    @property
    def drain_bytes(self) -> int:
        return self._attempt.drain_bytes

    async def next_part(self, pour: Take | None) -> bytes | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            part = await self._attempt.next_part(pour)
            if part is None:
                await self._attempt.succeed()
        except AttemptError as error:
            verdict = await self._books.book_failure(self._attempt, error)
            raise StreamBroken(
                f"The answer of {self._attempt.target.name} broke off ({verdict.reason}); "
                "what arrived so far is incomplete.",
            ) from error
        return part

    async def abandon(self, reason: str) -> None:
        self._books.release(self._attempt)
        await self._attempt.abandon(reason)
