"""How slow a model is when it is slow."""

from __future__ import annotations

from llmrouter.core.records import Record


class Tail(Record):
    """Of 20 answers of a model 19 had begun, and were complete, by then (µs after the request
    arrived); with how many answers that is known from.  None of no answer."""

    provider: str
    model: str
    first_tokens: int
    first_token_p95_us: int | None
    answers: int
    duration_p95_us: int | None
