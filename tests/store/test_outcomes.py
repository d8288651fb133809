"""What is counted of one configuration version's requests, and what comparing two says."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.ledger import RequestRecord
from llmrouter.core.records import replace
from llmrouter.policy.version_comparison import Count, Sums, compare_versions
from llmrouter.store.opening import Store
from tests.store.samples import NOW_US, answered, rejected

HOUR_US = 3_600_000_000


def of_version(record: RequestRecord, version: int, **changes: Any) -> RequestRecord:
    """The record as another version's."""
    return replace(record, request=record.request._replace(config_version=version, **changes))


async def keep(store: Store, *records: RequestRecord) -> None:
    for record in records:
        await store.ledger.close(record)


async def test_a_versions_live_requests_are_counted_and_no_others(store: Store) -> None:
    new = store.ids.next
    await keep(
        store,
        of_version(answered(new(), cost_nusd=3, category="code"), 11),
        of_version(answered(new(), cost_nusd=5, key_id="k1"), 11),
        of_version(answered(new(), cost_nusd=None), 11, attempts=1),
        of_version(answered(new(), ending="failed", cost_nusd=7), 11),
        of_version(answered(new(), ending="disconnected", cost_nusd=9), 11),
        of_version(rejected(new()), 11),
        of_version(answered(new(), purpose="replay"), 11),
        of_version(answered(new(), purpose="imported"), 11),
        of_version(answered(new()), 12),
    )
    found = await store.reader.version_outcome(11)
    assert (found.requests, found.first_us, found.last_us) == (6, NOW_US, NOW_US)
    assert found.shares == {
        "error_rate": Count(1, 5),
        # One row claims a single attempt, and so needed no second target.
        "fallback_rate": Count(4, 5),
        "client_left_rate": Count(1, 5),
        "rejected_rate": Count(1, 6),
    }
    assert found.cost == Sums(4, 24.0, 9 + 25 + 49 + 81, unknown=1)
    assert found.categories == {"code": 1, "conversation": 4, "(none)": 1}
    assert found.traffic["key"] == {"(no key)": 5, "k1": 1}
    assert found.traffic["stream"] == {"whole answers": 6}
    assert found.traffic["input_tokens"] == {"up to 256 tokens": 5, "(not known)": 1}
    assert found.traffic["time_of_day"] == {"12-16h": 6}


async def test_quantiles_are_those_of_completed_requests(store: Store) -> None:
    durations = [of_version(answered(store.ids.next(), duration_us=n), 11) for n in range(1, 101)]
    slow = of_version(answered(store.ids.next(), duration_us=10**9, ending="failed"), 11)
    await keep(store, *reversed(durations), slow)
    found = (await store.reader.version_outcome(11)).quantiles
    median, high = found["latency_p50"], found["latency_p95"]
    assert (median.n, median.low_us, median.value_us, median.high_us) == (100, 40, 50, 61)
    # A hundred are too few to bound the 95th percentile from above.
    assert (high.low_us, high.value_us, high.high_us) == (90, 95, None)
    assert found["first_token_p50"].value_us == 49_200


async def test_a_window_leaves_out_what_arrived_outside(store: Store) -> None:
    await keep(store, of_version(answered(store.ids.next()), 11))
    assert (await store.reader.version_outcome(11, since_us=NOW_US - HOUR_US)).requests == 1
    assert (await store.reader.version_outcome(11, since_us=NOW_US + HOUR_US)).requests == 0
    assert (await store.reader.version_outcome(11, until_us=NOW_US)).requests == 0


async def test_costs_whose_squares_pass_64_bits_are_summed(store: Store) -> None:
    hundred_usd = 100 * 10**9
    await keep(
        store, *(of_version(answered(store.ids.next(), cost_nusd=hundred_usd), 11) for _ in "ab")
    )
    found = (await store.reader.version_outcome(11)).cost
    assert (found.n, found.total, found.squares) == (2, 2e11, 2e22)


async def test_a_version_that_fails_more_is_told_from_traffic_that_is_another(
    store: Store,
) -> None:
    new = store.ids.next
    for version, failures, key in ((11, 2, "alpha"), (12, 30, "beta")):
        endings = ["failed"] * failures + ["completed"] * (100 - failures)
        records = (answered(new(), ending=ending, key_id=key) for ending in endings)  # type: ignore[arg-type]
        await keep(store, *(of_version(record, version) for record in records))
    outcomes = [await store.reader.version_outcome(version) for version in (11, 12)]
    found = compare_versions(*outcomes)
    errors = next(figure for figure in found.figures if figure.name == "error_rate")
    cost = next(figure for figure in found.figures if figure.name == "cost_per_request")
    assert errors.change is not None
    assert errors.change.is_clear
    assert cost.change is not None
    assert not cost.change.is_clear
    assert [shift.dimension for shift in found.traffic if shift.is_notable] == ["key"]
    (warning,) = found.warnings
    assert warning.startswith("the keys that asked changed: 100% of the requests would have to")
    assert warning.endswith("most of all alpha, from 100% to 0%")


async def test_of_many_requests_a_sample_stands_for_latency_and_traffic(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmrouter.store.queries.outcomes.SAMPLE", 100)
    made = [
        answered(store.ids.next(), duration_us=1 + n, cost_nusd=1, key_id=f"k{n % 2}")
        for n in range(400)
    ]
    await keep(store, *(of_version(one, 11) for one in made))
    found = await store.reader.version_outcome(11)
    assert found.requests == found.cost.n == found.shares["error_rate"].n == 400
    assert found.sampled is not None
    assert 50 < found.sampled < 150
    median = found.quantiles["latency_p50"]
    assert median.n == sum(found.categories.values()) == found.sampled
    assert median.low_us is not None
    assert median.high_us is not None
    assert median.low_us <= 200 <= median.high_us
    assert set(found.traffic["key"]) == {"k0", "k1"}
    assert await store.reader.version_outcome(11) == found
