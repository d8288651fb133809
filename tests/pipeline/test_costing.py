"""What an attempt used and cost, by how far its reply came and who counted."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.prices import PriceCard, Rate
from llmrouter.core.usage import Usage
from llmrouter.dialects.openai.parse import parse
from llmrouter.dialects.wire import Observed
from llmrouter.pipeline.costing import Costing
from llmrouter.pipeline.estimator import Estimator

REQUEST = parse(b'{"model": "lab/fast", "messages": [{"role": "user", "content": "hello"}]}')
CARD = PriceCard(
    "lab",
    "fast",
    (
        Rate("input", 1_000_000_000),
        Rate("output", 2_000_000_000),
        Rate("cache_read", 100_000_000),
    ),
    valid_from_us=0,
    origin="manual",
    id=7,
)


def costing(card: PriceCard | None = CARD) -> Costing:
    return Costing("lab/fast", REQUEST, card, Estimator())


def seen(text: str = "", **known: Any) -> Observed:
    observed = Observed(first_token=bool(text), **known)
    observed.add_text(text)
    return observed


def summary(fields: dict[str, Any]) -> tuple[object, ...]:
    return (fields["usage_source"], fields["cost_basis"], fields["cost_nusd"], fields["price_id"])


def test_what_the_provider_says_of_its_cost_goes_before_our_price() -> None:
    observed = seen("hi", usage=Usage(10, text_output_tokens=2), reported_cost_nusd=5)

    assert summary(costing().of_whole(observed)) == ("provider", "provider_reported", 5, None)


def test_counted_tokens_are_computed_with_the_card_and_name_it() -> None:
    observed = seen("hi", usage=Usage(10, text_output_tokens=2))

    assert summary(costing().of_whole(observed)) == ("provider", "computed", 14_000, 7)


def test_without_a_price_the_cost_is_unknown() -> None:
    observed = seen("hi", usage=Usage(10, text_output_tokens=2))

    assert summary(costing(card=None).of_whole(observed)) == ("provider", "unknown", None, None)


def test_a_reply_that_nobody_counted_is_estimated() -> None:
    fields = costing().of_whole(seen("When does the ferry leave?"))

    assert summary(fields)[:2] == ("estimated", "estimated")
    assert fields["cost_nusd"] > 0
    assert fields["price_id"] == 7


def test_a_broken_stream_keeps_the_counted_prompt_and_its_text_is_estimated() -> None:
    fields = costing().of_part(
        seen("The ferry leaves at nine. " * 40, usage=Usage(500, 4000, text_output_tokens=1)),
        may_have_billed=True,
    )

    assert (fields["uncached_input_tokens"], fields["cache_read_tokens"]) == (500, 4000)
    assert fields["text_output_tokens"] > 100
    assert fields["usage_source"] == "estimated"
    assert fields["cost_basis"] == "estimated"


def test_a_reply_that_broke_after_it_had_finished_was_counted() -> None:
    observed = seen("hi", usage=Usage(10, text_output_tokens=2), finish_reason="stop")

    assert summary(costing().of_part(observed, may_have_billed=True)) == (
        "provider",
        "computed",
        14_000,
        7,
    )


@pytest.mark.parametrize(
    ("may_have_billed", "cost"), [(True, ("unknown", None)), (False, ("computed", 0))]
)
def test_a_call_without_a_reply_costs_nothing_only_where_that_is_sure(
    may_have_billed: bool, cost: tuple[object, ...]
) -> None:
    fields = costing().of_part(None, may_have_billed=may_have_billed)

    assert (fields["usage_source"], fields["cost_basis"], fields["cost_nusd"]) == ("none", *cost)
