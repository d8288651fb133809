"""Parts of the router without any server: classification, replay, and the ledger."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from benchmarks.history import DAYS, write_history
from benchmarks.questions import answers
from benchmarks.replay import speeds
from benchmarks.tables import Row
from llmrouter.policy.classifier import LocalClassifier
from llmrouter.policy.defaults import built_in_document
from llmrouter.policy.keywords import KeywordClassifier, load_weights
from llmrouter.store.engine import read_address

TEXTS: Final = (
    "Write a Python function that merges two sorted lists, with a test for each edge case.",
    "Hi! How are you today? I just wanted to say thank you for yesterday.",
    "Prove that the square root of two is irrational, and say which step would fail for four.",
    "Warum ist der Himmel blau, und warum wird er am Abend rot? Bitte Schritt für Schritt.",
    "Traceback (most recent call last): File \"app.py\", line 12 KeyError: 'user'. What is wrong?",
)
LONG: Final = " ".join(TEXTS) * 60
"""About 25 kB: what an agent sends in one message."""

ROUNDS: Final = 200
LONG_ROUNDS: Final = 40
SHOWN: Final = ("/metrics", "report costs, 30 days", "/requests , first page")


async def rows(requests: int) -> AsyncIterator[Row]:
    """The table's rows, with ledgers of so many requests."""
    yield "what", "measured"
    local, keywords = LocalClassifier.load(), _keywords()
    for name, classify in (("keywords", keywords.classify), ("local", local.score)):
        short_us = _each_us(classify, TEXTS, ROUNDS)
        long_us = _each_us(classify, (LONG,), LONG_ROUNDS)
        said = f"{short_us:,.0f} µs CPU a sentence, {long_us:,.0f} µs for 25 kB"
        yield f"classification, {name}", said
    async for speed in speeds(requests):
        yield f"replay, {speed.what}", f"{speed.per_cpu_s:,.0f} requests per CPU second"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        begun_s = time.process_time()
        write_history(path, requests, DAYS, seed=1)
        written = requests / (time.process_time() - begun_s)
        yield "ledger, folding and writing", f"{written:,.0f} requests per CPU second"
        yield "ledger, size", f"{path.stat().st_size / requests:,.0f} bytes per request"
        async for told in answers(read_address(f"sqlite:///{path}", path.parent)):
            if told.question in SHOWN:
                said = f"{told.cpu_ms:.1f} ms CPU with {requests:,} requests"
                yield f"ledger, {told.question.replace(' ,', ',')}", said


def _keywords() -> KeywordClassifier:
    categories = built_in_document()["categories"]
    words = {name: category["keywords"] for name, category in categories.items()}
    return KeywordClassifier(words, load_weights())


def _each_us(classify: Callable[[str], object], texts: tuple[str, ...], rounds: int) -> float:
    for text in texts:
        classify(text)
    begun_s = time.process_time()
    for number in range(rounds):
        for text in texts:
            classify(f"{text} {number}")  # no text twice: nothing is remembered
    return (time.process_time() - begun_s) / rounds / len(texts) * 1e6
