"""Which card counts for a target at a moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.prices import PriceCard, PriceOrigin
from llmrouter.core.routing import Target
from llmrouter.policy.price_book import PriceBook
from tests.prices import charging

FAST = Target("lab", "fast")
ORIGINS: tuple[PriceOrigin, ...] = ("configuration", "manual", "import", "built_in")


def card(number: int, from_us: int, to_us: int | None = None, **facts: object) -> PriceCard:
    return charging({"input": number}, id=number, valid_from_us=from_us, valid_to_us=to_us, **facts)


@pytest.mark.parametrize(
    ("cards", "at_us", "found"),
    [
        pytest.param([], 5, None, id="nobody says anything"),
        pytest.param([card(1, 10)], 9, None, id="not yet"),
        pytest.param([card(1, 10)], 10, 1, id="from its first moment"),
        pytest.param([card(1, 10, 20)], 19, 1, id="until its last"),
        pytest.param([card(1, 10, 20)], 20, None, id="no longer"),
        pytest.param([card(1, 10), card(2, 20)], 19, 1, id="the earlier until the later"),
        pytest.param([card(1, 10), card(2, 20)], 20, 2, id="the later"),
        pytest.param([card(2, 20), card(1, 10)], 30, 2, id="in whichever order they were said"),
        pytest.param([card(1, 10), card(2, 10)], 10, 2, id="the one said last of one moment"),
        pytest.param([card(1, 10), card(2, 20, 30)], 30, None, id="an end ends what it replaced"),
        pytest.param(
            [card(1, 10, origin="manual"), card(2, 20)], 25, 1, id="by hand over an import"
        ),
        pytest.param(
            [card(1, 10, 15, origin="manual"), card(2, 5)], 25, 2, id="an import after its end"
        ),
        pytest.param(
            [card(1, 10, origin="configuration"), card(2, 20, origin="manual")],
            25,
            1,
            id="the configuration over all",
        ),
        pytest.param(
            [card(1, 10, origin="built_in"), card(2, 20)], 25, 2, id="an import as a newer file"
        ),
        pytest.param([card(1, 10, model="*")], 25, 1, id="any model of a provider"),
        pytest.param([card(1, 10, model="*"), card(2, 5)], 25, 2, id="a card of its own"),
        pytest.param([card(1, 10, provider="other")], 25, None, id="another provider"),
    ],
)
def test_the_card_that_counts(cards: list[PriceCard], at_us: int, found: int | None) -> None:
    counts = PriceBook(cards).card(FAST, at_us)

    assert (counts and counts.id) == found


CARDS = st.builds(
    card,
    st.integers(1, 9),
    st.integers(0, 30),
    st.none() | st.integers(0, 40),
    origin=st.sampled_from(ORIGINS),
    model=st.sampled_from(["fast", "*"]),
)


@given(st.lists(CARDS, unique_by=lambda c: c.id), st.integers(0, 50))
def test_a_card_that_counts_holds_and_no_better_one_does(
    cards: list[PriceCard], at_us: int
) -> None:
    book = PriceBook(cards)
    found = book.card(FAST, at_us)

    if found is None:
        return
    assert found.valid_from_us <= at_us
    assert found.valid_to_us is None or at_us < found.valid_to_us
    rank = ORIGINS.index(found.origin) if found.origin != "built_in" else 2
    later = [
        other
        for other in cards
        if other.model == found.model
        and min(ORIGINS.index(other.origin), 2) == rank
        and found.valid_from_us < other.valid_from_us <= at_us
    ]
    assert later == []


def test_another_configuration_can_be_assumed_for_all_times() -> None:
    book = PriceBook([card(1, 10, origin="configuration"), card(2, 5, model="slow")])

    assumed = book.assuming([card(9, 99, origin="configuration", model="slow")])

    slow = assumed.card(Target("lab", "slow"), 7)
    assert slow is not None
    assert slow.nusd_per_million("input") == 9
    assert assumed.card(FAST, 20) is None
    assert book.card(FAST, 20) is not None
