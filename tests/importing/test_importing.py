"""Foreign logs in the shapes that their tools write, imported into real ledgers.

The files in ``logs`` were made for these tests after https://docs.litellm.ai/docs/proxy/logging_spec
and LiteLLM's table of spend logs, Langfuse's field reference of its blob storage export and of its
API's observations, and OpenAI's references of batch output and stored completions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.events import read_event
from llmrouter.core.ledger import RequestRecord
from llmrouter.core.usage import Usage
from llmrouter.importing.formats import Format, reader
from llmrouter.importing.importer import LINE_BYTES, Tally, Window, import_lines
from llmrouter.importing.records import Imported
from llmrouter.importing.shelf import LedgerShelf, TrialShelf
from llmrouter.policy.fold import fold_request
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.queries.requests import RequestFilter
from llmrouter.store.writer import LedgerSettings
from tests.store.samples import ask

LOGS = Path(__file__).parent / "logs"
WINDOW = Window(now_us=1_790_000_000_000_000, bodies_from_us=0)


@pytest.fixture
async def store(database: DatabaseAddress, tmp_path: Path) -> Any:
    """The test's database, open."""
    settings = StoreSettings(database, tmp_path, ledger=LedgerSettings(mode="required"))
    async with open_store(settings, FakeClock()) as opened:
        yield opened


def shared(store: Store | None = None, **given: Any) -> Imported:
    return Imported("a-format", store.node if store else 0, frozenset(), **given)


async def bring_in(store: Store, name: Format, file: str, **given: Any) -> Tally:
    with (LOGS / file).open("rb") as log, (LOGS / "openai-batch-input.jsonl").open("rb") as asked:
        read = reader(name, asked if name == "openai-jsonl" else None)
        return await import_lines(log, read, LedgerShelf(store), shared(store, **given), WINDOW)


async def row(store: Store, source_id: str) -> Any:
    (found,) = await store.reader.requests_by_client_id(source_id)
    return found


async def test_litellms_logs_come_in_with_everything_that_they_say(store: Store) -> None:
    tally = await bring_in(store, "litellm-jsonl", "litellm.jsonl")
    assert (tally.lines, tally.imported, tally.bad, tally.without_body) == (8, 5, 2, 2)
    assert tally.other == {"call_type aembedding": 1}
    assert [line for line, _ in tally.faults] == [4, 6]
    assert "is no JSON" in tally.faults[0][1]
    assert tally.faults[1][1] == "startTime is missing"

    whole = await row(store, "chatcmpl-harbour-1")
    assert (whole.purpose, whole.ending, whole.http_status) == ("imported", "completed", 200)
    assert (whole.requested_model, whole.provider, whole.model) == ("fast", "openai", "gpt-4o-mini")
    assert (whole.started_us, whole.duration_us) == (1_789_000_000_250_000, 1_250_000)
    assert whole.first_token_us is None
    assert (whole.input_tokens, whole.cache_read_tokens, whole.output_tokens) == (42, 32, 18)
    assert (whole.cost_nusd, whole.cost_basis) == (420_000, "computed")
    body = await store.reader.body(whole.id)
    assert body is not None
    assert body["messages"] == [{"role": "user", "content": "When is high water at Saint-Malo?"}]
    assert (body["model"], body["temperature"], len(body["tools"])) == ("fast", 0.2, 1)
    assert "extra_body" not in body

    failed = await row(store, "chatcmpl-harbour-2")
    assert (failed.ending, failed.http_status, failed.provider) == ("failed", 429, "google")
    assert (failed.model, failed.stream) == ("gemini-2.5-flash", True)

    spent = await row(store, "chatcmpl-harbour-3")
    assert (spent.provider, spent.model, spent.stream) == ("anthropic", "claude-sonnet-4", True)
    assert (spent.cost_nusd, spent.first_token_us) == (1_500_000, 800_000)
    assert (await store.reader.body(spent.id) or {})["model"] == "claude"

    free = await row(store, "chatcmpl-harbour-4")
    assert (free.cost_nusd, free.cost_basis, free.provider) == (None, "unknown", "unknown")
    shortened = await row(store, "chatcmpl-harbour-5")
    assert await store.reader.body(shortened.id) is None


async def test_langfuses_generations_come_in_and_nothing_else(store: Store) -> None:
    tally = await bring_in(store, "langfuse-jsonl", "langfuse.jsonl", provider="house")
    assert (tally.imported, tally.bad, dict(tally.other)) == (3, 1, {"type SPAN": 1})
    assert tally.faults == [(5, "start_time is no moment since 2020: 'yesterday'")]

    first = await row(store, "obs-1")
    assert (first.provider, first.model, first.stream) == ("openai", "gpt-4o-mini", True)
    assert (first.duration_us, first.first_token_us) == (2_000_000, 500_000)
    assert (first.input_tokens, first.cache_read_tokens) == (100, 60)
    assert (first.output_tokens, first.reasoning_tokens, first.cost_nusd) == (20, 8, 30_000)
    body = await store.reader.body(first.id)
    assert body is not None
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["temperature"] == 0.7
    assert "max_tokens" not in body

    failed = await row(store, "obs-2")
    assert (failed.ending, failed.http_status, failed.provider) == ("failed", 0, "house")
    assert (await store.reader.body(failed.id) or {})["tools"]
    story = await store.reader.request_story(failed.id)
    assert "sk-abcdefghijklmnop" not in str(story)

    plain = await row(store, "obs-3")
    assert (plain.cost_nusd, plain.duration_us) == (None, 0)
    assert (await store.reader.body(plain.id) or {})["messages"][0]["content"] == "Say hello."


async def test_openais_batches_stored_completions_and_pairs_come_in(store: Store) -> None:
    tally = await bring_in(
        store,
        "openai-jsonl",
        "openai.jsonl",
        reckon=lambda _target, _usage, tier: None if tier == "batch" else 77,
    )
    assert (tally.imported, tally.bad, tally.without_cost) == (3, 1, 1)
    assert dict(tally.other) == {"/v1/embeddings": 1, "batch request that never ran": 1}
    assert "says no moment" in tally.faults[0][1]

    batch = await row(store, "req-b1")
    assert (batch.requested_model, batch.model) == ("gpt-4o-mini", "gpt-4o-mini")
    assert (batch.input_tokens, batch.output_tokens, batch.cost_nusd) == (11, 4, None)
    asked = await store.reader.body(batch.id)
    assert asked is not None
    assert asked["messages"][0]["content"] == "Name a buoy."

    stored = await row(store, "chatcmpl-s1")
    assert (stored.cost_nusd, stored.cost_basis) == (77, "computed")
    assert (await store.reader.body(stored.id) or {})["seed"] == 4944116822809979520
    pair = await row(store, "chatcmpl-p1")
    assert (pair.duration_us, pair.first_token_us, pair.stream) == (812_500, 200_000, True)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("litellm-jsonl", "litellm.jsonl"),
        ("langfuse-jsonl", "langfuse.jsonl"),
        ("openai-jsonl", "openai.jsonl"),
    ],
)
async def test_a_file_a_second_time_adds_nothing(
    store: Store, database: DatabaseAddress, name: Format, file: str
) -> None:
    first = await bring_in(store, name, file)
    again = await bring_in(store, name, file)
    assert (again.imported, again.known) == (0, first.imported)
    assert ask(database, "SELECT count(*) FROM request") == [(first.imported,)]


async def test_rows_are_what_their_events_say_and_touch_no_figure_of_production(
    store: Store, database: DatabaseAddress
) -> None:
    await bring_in(store, "litellm-jsonl", "litellm.jsonl")
    page = await store.reader.request_page(wanted=RequestFilter(purpose="imported"))
    for found in page.requests:
        story = await store.reader.request_story(found.id)
        assert story is not None
        events = [read_event(e.kind, e.dt_us, e.data) for e in story.events]
        assert fold_request(found.id, events) == (story.request, story.attempts)
    assert (await store.reader.metrics()).total == 0
    assert await store.reader.recent_requests(9) == ()
    assert (await store.reader.availability(WINDOW.now_us)).breakers == ()
    assert ask(database, "SELECT count(*) FROM v_costs_daily") == [(0,)]


async def test_calls_of_the_same_second_all_get_ids_of_their_own(store: Store) -> None:
    lines = [
        orjson.dumps({"id": f"c{i}", "model": "gpt-4o", "startTime": 1_789_000_000})
        for i in range(450)
    ]
    file = BytesIO(b"\n".join(lines))
    read = reader("litellm-jsonl")
    tally = await import_lines(file, read, LedgerShelf(store), shared(store), WINDOW)
    assert tally.imported == 450
    found = await row(store, "c449")
    assert found.started_us == 1_789_000_000_000_000


class Paper:
    """A shelf that only remembers how much it was handed at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def known(self, source_ids: Sequence[str]) -> Collection[str]:
        return ()

    async def taken(self, request_ids: Sequence[int]) -> Collection[int]:
        return ()

    async def put(self, records: Sequence[RequestRecord]) -> None:
        self.sizes.append(len(records))


async def test_a_log_is_never_held_whole() -> None:
    line = orjson.dumps({"id": "c", "model": "gpt-4o", "startTime": 1_789_000_000}) + b"\n"
    shelf = Paper()
    read = reader("litellm-jsonl")

    class Endless(BytesIO):
        """Gives a thousand lines, and notes how far ahead it is read."""

        given = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert self.given - sum(shelf.sizes) * 200 <= 200  # each batch is one call, repeated
            self.given += 1
            return line if self.given <= 1000 else b""

    tally = await import_lines(Endless(), read, shelf, shared(), WINDOW)
    assert (tally.lines, len(shelf.sizes)) == (1000, 6)


async def test_bad_lines_of_every_kind_are_told_and_passed_over() -> None:
    good = {"id": "good", "model": "gpt-4o", "startTime": 1_789_000_000}
    bad: list[tuple[Any, str]] = [
        ([1], "is no JSON object"),
        ({**good, "id": 7}, "id must be a text"),
        ({**good, "id": "a\0b"}, "id must not hold a NUL"),
        ({**good, "model": None}, "model is missing"),
        ({**good, "startTime": 1_999_000_000}, "begins in the future"),
        ({**good, "startTime": True}, "startTime is no moment since 2020"),
        ({**good, "prompt_tokens": -1}, "prompt_tokens must be a whole number"),
        ({**good, "prompt_tokens": "many"}, "prompt_tokens must be a number"),
        ({**good, "response_cost": 1e9}, "response_cost must be an amount in dollars"),
    ]
    lines = [orjson.dumps(document) for document, _ in bad]
    file = BytesIO(b"\xef\xbb\xbf" + b"\n".join([*lines, orjson.dumps(good), b"\xff"]))
    tally = await import_lines(file, reader("litellm-jsonl"), Paper(), shared(), WINDOW)
    assert (tally.imported, tally.bad) == (1, len(bad) + 1)
    for (_, told), (_, reason) in zip(bad, tally.faults, strict=False):
        assert told in reason


async def test_a_line_without_an_end_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmrouter.importing.importer.LINE_BYTES", 200)
    good = orjson.dumps({"id": "good", "model": "gpt-4o", "startTime": 1_789_000_000})
    file = BytesIO(b"x" * 1000 + b"\n" + good)
    tally = await import_lines(file, reader("litellm-jsonl"), Paper(), shared(), WINDOW)
    assert (tally.imported, tally.bad) == (1, 1)
    assert "is longer than" in tally.faults[0][1]
    assert LINE_BYTES > 200


async def test_a_trial_counts_and_keeps_nothing(store: Store, database: DatabaseAddress) -> None:
    await bring_in(store, "litellm-jsonl", "litellm.jsonl")
    for shelf, imported in ((TrialShelf(None), 5), (TrialShelf(store.reader), 0)):
        with (LOGS / "litellm.jsonl").open("rb") as log:
            tally = await import_lines(log, reader("litellm-jsonl"), shelf, shared(), WINDOW)
        assert tally.imported == imported
    assert ask(database, "SELECT count(*) FROM request") == [(5,)]


async def test_a_secret_of_ours_in_a_foreign_prompt_is_not_kept(store: Store) -> None:
    line = {
        "id": "leak",
        "model": "gpt-4o",
        "startTime": 1_789_000_000,
        "messages": [{"role": "user", "content": "my key is lighthouse-secret"}],
    }
    kept = Imported("a-format", store.node, {"lighthouse-secret"})
    file = BytesIO(orjson.dumps(line))
    await import_lines(file, reader("litellm-jsonl"), LedgerShelf(store), kept, WINDOW)
    body = await store.reader.body((await row(store, "leak")).id)
    assert body is not None
    assert "lighthouse-secret" not in str(body)


def test_usage_classes_stay_disjoint() -> None:
    read = reader("langfuse-jsonl")
    details = {"input": 1, "input_cached_tokens": 2, "input_cache_creation": 4, "output": 8}
    found: Any = read(
        {"id": "x", "model": "m", "start_time": "2026-01-01", "usage_details": details}
    )
    assert found.usage == Usage(1, 2, 4, 8, None)
