"""The built-in configuration, and a person's document laid over it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest

from llmrouter.core.configuration import BUILT_IN_CATEGORIES, RouterConfig
from llmrouter.core.errors import ConfigurationInvalid
from llmrouter.core.prices import PriceCard, ServiceTier
from llmrouter.core.routing import DialectName, Mode, Target
from llmrouter.core.usage import Usage
from llmrouter.policy.defaults import (
    Change,
    built_in_document,
    diff,
    effective,
    load_document,
    merge,
    with_addresses,
)
from llmrouter.policy.names import Aliases, ModelNames
from llmrouter.policy.price_book import PriceBook
from llmrouter.policy.pricing import cost_of
from llmrouter.policy.stated_prices import built_in_prices
from llmrouter.policy.table import compile_table

PRICES = built_in_prices()
NOVEMBER_US = 1_793_500_000_000_000
DIALECTS: tuple[DialectName, ...] = ("openai", "anthropic", "gemini", "ollama")
BUILT_IN = built_in_document()
CONFIG = effective({}, built_in=BUILT_IN)

PRESETS = [
    *("openrouter", "openai", "anthropic", "google", "ollama", "deepseek", "groq", "xai"),
    *("mistral", "perplexity", "together", "fireworks", "cerebras", "cohere", "nvidia"),
    *("glm", "minimax", "kimi", "qwen"),
]
WITHOUT_LIST_PRICE = {"nvidia/nvidia/nemotron-3-super-120b-a12b", "qwen/qwen3.7-plus"}
"""Models whose price per token was found nowhere: what they cost is not known."""
WITHOUT_CHAT = {"perplexity"}
"""Presets without a model that answers in a dialect that we speak."""

CHAIN_MODELS = sorted({model for c in CONFIG.categories.values() for model in c.models})


def accepted(document: Mapping[str, Any]) -> RouterConfig:
    return load_document(document, source="a file", dialects=DIALECTS, built_in=BUILT_IN)


# --- the built-in document -----------------------------------------------------------------------


def test_the_built_in_document_is_valid_and_compiles() -> None:
    config = load_document({}, source="built in", dialects=DIALECTS)
    assert compile_table(1, {}, config).known_targets()


def test_there_is_a_preset_for_each_known_provider() -> None:
    assert list(CONFIG.providers) == PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_an_address_and_its_key(name: str) -> None:
    provider = CONFIG.providers[name]
    local = name == "ollama"
    assert urlsplit(provider.base_url).scheme == ("http" if local else "https")
    assert provider.api_key_env == (None if local else f"{name.upper()}_API_KEY")


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_takes_its_address_from_a_variable_that_means_this_router(name: str) -> None:
    # A person who points OpenAI's client at this router sets OPENAI_BASE_URL to our own address.
    assert CONFIG.providers[name].base_url_env not in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL")


def test_the_four_categories_are_there_with_words_and_descriptions() -> None:
    assert tuple(CONFIG.categories) == BUILT_IN_CATEGORIES
    for name, category in CONFIG.categories.items():
        assert category.description
        assert bool(category.keywords) is (name != "tools")
    assert "python" in CONFIG.categories["code"].keywords


@pytest.mark.parametrize("category", BUILT_IN_CATEGORIES)
@pytest.mark.parametrize("provider", [name for name in PRESETS if name not in WITHOUT_CHAT])
def test_one_provider_s_key_is_enough_for_every_category(category: str, provider: str) -> None:
    assert any(m.startswith(f"{provider}/") for m in CONFIG.categories[category].models)


@pytest.mark.parametrize("category", BUILT_IN_CATEGORIES)
def test_the_last_resort_is_the_model_that_needs_no_key(category: str) -> None:
    assert CONFIG.categories[category].models[-1] == "ollama/llama3.2"


def test_a_model_that_no_longer_exists_is_in_no_chain() -> None:
    assert not any("aurora" in model for model in CHAIN_MODELS)


@pytest.mark.parametrize("model", CHAIN_MODELS)
def test_a_chain_s_model_is_one_that_its_provider_lists(model: str) -> None:
    provider, _, model_id = model.partition("/")
    assert model_id in CONFIG.providers[provider].models


@pytest.mark.parametrize("model", CHAIN_MODELS)
def test_facts_of_a_chain_s_model_are_known(model: str) -> None:
    facts = CONFIG.models[model]
    # How much Ollama reads depends on the machine that it runs on.
    assert (facts.context_tokens is None) is model.startswith("ollama/")
    assert facts.vision is not None
    assert facts.tools, "every chain may get a request that carries tools"


def test_facts_and_prices_are_of_models_that_a_provider_lists_or_an_alias_names() -> None:
    listed = {f"{n}/{model}" for n, p in CONFIG.providers.items() for model in p.models}
    named = listed | set(CONFIG.aliases.values())
    assert set(CONFIG.models) <= named
    assert {f"{card.provider}/{card.model}" for card in PRICES} <= {*named, "ollama/*"}


@pytest.mark.parametrize("model", [m for m in CHAIN_MODELS if m not in WITHOUT_LIST_PRICE])
def test_the_price_of_a_chain_s_model_is_known(model: str) -> None:
    assert PriceBook(PRICES).card(Target(*model.split("/", 1)), NOVEMBER_US) is not None


@pytest.mark.parametrize(
    "card", PRICES, ids=[f"{card.provider}/{card.model} {card.valid_from_us}" for card in PRICES]
)
def test_a_price_says_where_it_was_read(card: PriceCard) -> None:
    assert card.nusd_per_million("input") is not None
    assert card.nusd_per_million("output") is not None
    assert card.valid_from_us > 0
    if card.provider != "ollama":
        assert (card.source or "").startswith("https://")


def test_local_models_cost_nothing_explicitly() -> None:
    card = PriceBook(PRICES).card(Target("ollama", "whichever:7b"), NOVEMBER_US)
    assert card is not None
    used = Usage(7, 7, 7, 7, 7)
    assert cost_of(used, card) == 0


@pytest.mark.parametrize("service", get_args(ServiceTier))
@pytest.mark.parametrize("input_tokens", [0, 10**6])
def test_reading_from_a_cache_is_never_dearer_than_reading(
    service: ServiceTier, input_tokens: int
) -> None:
    for card in PRICES:
        rates = card.rates_for(input_tokens, service)
        if rates.get("input"):
            assert rates.get("cache_read", 0) <= rates["input"], card


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("kimi-k2.5", "openrouter/moonshotai/kimi-k2.5"),
        ("openrouter/kimi-k2.5", "openrouter/moonshotai/kimi-k2.5"),
        ("glm-5", "openrouter/z-ai/glm-5"),
        ("aurora-alpha", "openrouter/openrouter/aurora-alpha"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
    ],
)
def test_short_names_of_old_configurations_keep_their_meaning(short: str, full: str) -> None:
    names = ModelNames(CONFIG.providers, Aliases(CONFIG.aliases), ())
    assert "/".join(names.locate(short)) == full


# --- what the manual says of it ------------------------------------------------------------------

MANUAL = (Path(__file__).parents[2] / "docs" / "providers.md").read_text("utf-8")
QUIRK_LETTERS = dict(re.findall(r"^- \*\*(\w)\*\* `(\w+)`", MANUAL, re.MULTILINE))


@pytest.mark.parametrize("name", PRESETS)
def test_the_manual_s_row_of_a_preset_is_true(name: str) -> None:
    row = next(line for line in MANUAL.splitlines() if line.startswith(f"| `{name}`"))
    address, key, _, variable, letters = (cell.strip() for cell in row.strip("|").split("|")[1:])
    preset = CONFIG.providers[name]
    assert address == f"`{preset.base_url}`"
    assert key == (f"`{preset.api_key_env}`" if preset.api_key_env else "none")
    assert variable == (f"`{preset.base_url_env}`" if preset.base_url_env else "")
    assert [QUIRK_LETTERS[letter] for letter in letters.split()] == preset.quirks


def test_the_manual_s_example_is_a_configuration() -> None:
    example = re.search(r"```json\n(.*?)```", MANUAL, re.DOTALL)
    assert example is not None
    config = accepted(json.loads(example[1]))
    assert "perplexity" not in config.providers
    assert config.categories["law"].models == ["mistral/mistral-medium-latest"]


# --- a document laid over it ---------------------------------------------------------------------

BELOW = {
    "routing": {"mode": "hybrid"},
    "providers": {"lab": {"base_url": "http://lab/v1", "quirks": ["max_tokens_only"]}},
    "categories": {"code": {"models": ["lab/a", "lab/b"], "keywords": ["python"]}},
    "models": {"lab/a": {"tools": True, "context_tokens": 8}},
    "prices": {"lab/a": {"input_usd_per_mtok": 1, "cache_read_usd_per_mtok": 0.1, "source": "s"}},
    "timeouts": {"connect_s": 5},
}


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({}, (), BELOW),
        ({"timeouts": {"idle_s": 9}}, ("timeouts",), {"connect_s": 5, "idle_s": 9}),
        ({"categories": {"code": {"models": ["lab/c"]}}}, ("categories", "code"),
         {"models": ["lab/c"], "keywords": ["python"]}),
        ({"categories": {"code": {"keywords": []}}}, ("categories", "code", "keywords"), []),
        ({"categories": {"law": {"models": ["lab/a"]}}}, ("categories", "law"),
         {"models": ["lab/a"]}),
        ({"providers": {"lab": {"quirks": []}}}, ("providers", "lab"),
         {"base_url": "http://lab/v1", "quirks": []}),
        ({"providers": {"lab": None}}, ("providers",), {}),
        ({"providers": {"other": None}}, ("providers",), BELOW["providers"]),
        ({"models": {"lab/a": {"tools": None}}}, ("models", "lab/a"),
         {"tools": None, "context_tokens": 8}),
        ({"prices": {"lab/a": {"input_usd_per_mtok": 2}}}, ("prices", "lab/a"),
         {"input_usd_per_mtok": 2}),
        ({"prices": {"lab/a": None}}, ("prices",), {}),
        ({"aliases": {"x": "lab/a"}}, ("aliases",), {"x": "lab/a"}),
    ],
)  # fmt: skip
def test_a_document_is_laid_over_the_one_below(
    given: Mapping[str, Any], path: tuple[str, ...], expected: object
) -> None:
    below = copy.deepcopy(BELOW)
    found: Any = merge(below, given)
    for step in path:
        found = found[step]
    assert found == expected
    assert below == BELOW


def test_a_removed_category_takes_no_part() -> None:
    config = accepted({"categories": {"reasoning": None}})
    assert "reasoning" not in config.categories
    assert "code" in config.categories


@pytest.mark.parametrize(
    ("document", "environment", "mode"),
    [
        ({}, None, "hybrid"),
        ({}, "keywords", "keywords"),
        ({"routing": {"mode": "local"}}, "keywords", "local"),
        ({"routing": {"default_category": "code"}}, "keywords", "keywords"),
        ({"routing_mode": "api"}, "keywords", "api"),
        ({"model_mappings": {}}, "keywords", "keywords"),
    ],
)
def test_the_environment_s_mode_counts_where_the_document_is_silent(
    document: Mapping[str, Any], environment: Mode | None, mode: Mode
) -> None:
    config = load_document(
        document,
        source="a file",
        dialects=DIALECTS,
        built_in=BUILT_IN,
        environment_mode=environment,
    )
    assert config.routing.mode == mode


# --- addresses from the environment --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variable", "value", "address"),
    [
        ("ollama", "OLLAMA_BASE_URL", "http://localhost:11434", "http://localhost:11434"),
        ("ollama", "OLLAMA_BASE_URL", "http://localhost:11434/", "http://localhost:11434"),
        ("ollama", "OLLAMA_BASE_URL", " http://box:1/v1/ ", "http://box:1"),
        ("ollama", "OLLAMA_BASE_URL", "https://box/ollama/v1", "https://box/ollama"),
        ("ollama", "OTHER", "http://box", "http://localhost:11434"),
        ("kimi", "KIMI_BASE_URL", "https://api.moonshot.cn", "https://api.moonshot.cn/v1"),
        ("openai", "OPENAI_BASE_URL", "http://127.0.0.1:3456/v1", "https://api.openai.com/v1"),
    ],
)
def test_an_address_from_the_environment_keeps_the_preset_s_path(
    name: str, variable: str, value: str, address: str
) -> None:
    config = with_addresses(CONFIG, {variable: value}.get)
    assert config.providers[name].base_url == address


def test_a_variable_that_holds_no_address_is_named() -> None:
    environment = {"OLLAMA_BASE_URL": "localhost:11434", "KIMI_BASE_URL": "http://u:p@host"}
    with pytest.raises(ConfigurationInvalid) as caught:
        with_addresses(CONFIG, environment.get)
    assert {error.field for error in caught.value.errors} == set(environment)
    assert "http://" in str(caught.value)
    assert "u:p" not in str(caught.value)


# --- differences ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [Change("a", 1, 2)]),
        ({"a": 1}, {"a": True}, [Change("a", 1, True)]),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 1, "d": 3}}},
         [Change("a.b.d", 2, 3)]),
        ({}, {"a": {"b": [1], "c": {"d": 2}}},
         [Change("a.b", None, [1]), Change("a.c.d", None, 2)]),
        ({"a": {"b": 1}}, {}, [Change("a.b", 1, None)]),
        ({"a": {"b": 1}}, {"a": 5}, [Change("a", {"b": 1}, 5)]),
        ({"a": {}}, {}, [Change("a", {}, None)]),
        ({"l": ["x", "y"]}, {"l": ["y", "x"]}, [Change("l", ["x", "y"], ["y", "x"])]),
    ],
)  # fmt: skip
def test_a_difference_is_told_value_by_value(
    old: Mapping[str, Any], new: Mapping[str, Any], changes: list[Change]
) -> None:
    assert diff(old, new) == changes
