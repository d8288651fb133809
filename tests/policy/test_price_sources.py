"""What each source says of prices, and what of it is new."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from llmrouter.core.prices import PriceCard, ServiceTier
from llmrouter.core.records import replace
from llmrouter.core.routing import Target
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.price_changes import price_changes
from llmrouter.policy.price_sources.found import Found, SourceInvalid
from llmrouter.policy.price_sources.genai import read_package
from llmrouter.policy.price_sources.litellm import read_prices
from llmrouter.policy.price_sources.openrouter import read_models
from llmrouter.policy.price_sources.tables import read_table
from llmrouter.policy.stated_prices import StatedPrice
from tests.prices import charging

NOW_US = 1_795_000_000_000_000  # 2026-11-18
DAY_US = 86_400_000_000


def usd(
    found: Found, model: str, tokens: int = 0, service: ServiceTier = "standard"
) -> dict[str, float]:
    """A model's prices in dollars per million, for a request of some size."""
    (stated,) = [price for price in found.prices if price.model == model]
    rates = stated.card(origin="import", now_us=NOW_US).rates_for(tokens, service)
    return {unit_class: nusd / 1e9 for unit_class, nusd in rates.items()}


def test_a_table_s_lines_of_one_model_are_one_statement() -> None:
    found = read_table(
        "model,unit_class,usd_per_million,service_tier,from_input_tokens,valid_from\n"
        "lab/a,input,0.15,,,2026-11-01\nlab/a,output,0.6,,,2026-11-01\n"
        "lab/a,input,0.3,,200001,2026-11-01\nlab/a,input,0.1,flex,,2026-11-01\n"
    )
    assert usd(found, "lab/a") == {"input": 0.15, "output": 0.6, "reasoning": 0.6}
    assert usd(found, "lab/a", 200_001)["input"] == 0.3
    assert usd(found, "lab/a", 0, "flex") == {"input": 0.1}
    card = found.prices[0].card(origin="import", now_us=NOW_US)
    assert card.valid_from_us == 1_793_491_200_000_000  # midnight UTC


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,price\n", "lacks unit_class, usd_per_million"),
        ("model,unit_class,usd_per_million,color\n", "unknown color"),
        ("model,unit_class,usd_per_million\nlab/a,input,banana\n", "line 2.*usd_per_million"),
        ("model,unit_class,usd_per_million\nlab/a,inputs,1\n", "line 2"),
        ("model,unit_class,usd_per_million\na,input,1\n", "line 2: model"),
        ("model,unit_class,usd_per_million\nl/a,input,1\nl/a,input,2\n", "line 3.*second price"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SourceInvalid, match=message):
        read_table(text)


def test_openrouter_s_list_is_read_and_what_varies_is_skipped() -> None:
    plain = {"prompt": "0.000001", "completion": "0.000002", "input_cache_read": "0.0000001"}
    long = {"min_prompt_tokens": 200_000, "prompt": "0.000002"}
    models: Any = {
        "data": [
            {"id": "v/m", "pricing": {**plain, "request": "0", "overrides": [long]}},
            {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
            {"id": "v/broken", "pricing": {"prompt": "cheap"}},
        ]
    }
    found = read_models(models, "openrouter")
    assert usd(found, "openrouter/v/m") == {
        "input": 1, "output": 2, "cache_read": 0.1, "reasoning": 2
    }  # fmt: skip
    assert usd(found, "openrouter/v/m", 200_000)["input"] == 2
    assert [s.model for s in found.skipped] == ["openrouter/openrouter/auto", "openrouter/v/broken"]
    with pytest.raises(SourceInvalid, match="data"):
        read_models([], "openrouter")


def test_litellm_s_file_is_read_for_configured_providers() -> None:
    entry = {"litellm_provider": "gemini", "mode": "chat", "output_cost_per_token": 12e-6}
    document: Any = {
        "sample_spec": {"litellm_provider": "gemini", "mode": "chat"},
        "gemini/pro": {
            **entry,
            "input_cost_per_token": 2e-6,
            "input_cost_per_token_above_200k_tokens": 4e-6,
            "input_cost_per_token_flex": 1e-6,
        },
        "gemini/draws": {**entry, "mode": "image_generation"},
        "elsewhere/x": {**entry, "litellm_provider": "elsewhere"},
        "gemini/free": {"litellm_provider": "gemini", "mode": "chat"},
    }
    found = read_prices(document, {"google"})
    assert usd(found, "google/pro") == {"input": 2, "output": 12, "reasoning": 12}
    assert usd(found, "google/pro", 200_001)["input"] == 4
    assert usd(found, "google/pro", 0, "flex") == {"input": 1}
    assert [s.model for s in found.skipped] == ["google/free"]


def test_genai_prices_are_found_by_address_and_keep_their_dates() -> None:
    addresses = {"mine": "https://api.openai.com/v1", "lab": "http://127.0.0.1/v1"}
    found = read_package(addresses, {"mine": ["gpt-4o-mini-2024-07-18"]}, date(2026, 11, 18))
    prices = usd(found, "mine/gpt-4o-mini-2024-07-18")
    assert (prices["input"], prices["output"], prices["cache_read"]) == (0.15, 0.6, 0.075)
    assert prices["web_search"] == 10_000
    assert not any(price.model.startswith("lab/") for price in found.prices)


def stated(price: float, **facts: Any) -> StatedPrice:
    return StatedPrice(model="lab/fast", usd_per_million={"input": price}, **facts)


def known(**facts: Any) -> PriceCard:
    return charging({"input": 1_000_000_000}, **{"id": 1, **facts})


@pytest.mark.parametrize(
    ("card", "by", "price", "outcome"),
    [
        (None, "import", 1, "added"),
        (known(), "import", 1, "unchanged"),
        (known(), "import", 2, "added"),
        (known(origin="manual"), "import", 2, "skipped"),
        (known(origin="configuration"), "import", 2, "skipped"),
        (known(model="*"), "import", 1, "added"),
        (known(), "manual", 1, "added"),
        (known(origin="manual"), "manual", 1, "unchanged"),
        (known(origin="manual"), "manual", 2, "added"),
    ],
)
def test_only_what_is_new_is_added(
    card: PriceCard | None, by: Any, price: float, outcome: str
) -> None:
    book = PriceBook([card] if card else [])
    changes = price_changes(book, [stated(price)], by=by, now_us=NOW_US)
    counts = {
        "added": len(changes.added),
        "unchanged": changes.unchanged,
        "skipped": len(changes.skipped),
    }
    assert counts == {"added": 0, "unchanged": 0, "skipped": 0, outcome: 1}


def test_an_import_that_corrects_an_older_reading_counts() -> None:
    book = PriceBook([known(valid_from_us=NOW_US - DAY_US)])
    changes = price_changes(
        book, [stated(2, valid_from=date(2026, 1, 1))], by="import", now_us=NOW_US
    )
    (change,) = changes.added
    after = PriceBook([*book, replace(change.after, id=2)])
    card = after.card(Target("lab", "fast"), NOW_US)
    assert card is not None
    assert card.nusd_per_million("input") == 2_000_000_000


@pytest.mark.parametrize("document", [{}, [], None, {"routing": {"mode": "local"}}, {"m": 1}])
def test_a_file_that_is_no_price_map_of_litellm_is_refused(document: Any) -> None:
    with pytest.raises(SourceInvalid, match="litellm_provider"):
        read_prices(document, {"openai"})
