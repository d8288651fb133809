"""The flat ``router_config.json``: its shapes, its slips, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.configuration import RouterConfig
from llmrouter.core.errors import ConfigurationInvalid
from llmrouter.policy.defaults import built_in_document, effective, load_document
from llmrouter.policy.seeds import (
    as_document,
    is_seeds,
    normalise,
    notes,
    parse_text,
    seeds_view,
)

BUILT_IN = built_in_document()


def faults(document: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigurationInvalid) as caught:
        as_document(document, source="router_config.json")
    assert caught.value.source == "router_config.json"
    return {error.field: error.message for error in caught.value.errors}


def load(document: Mapping[str, Any]) -> RouterConfig:
    return load_document(
        document,
        source="f",
        dialects=("openai", "anthropic", "gemini", "ollama"),
        built_in=BUILT_IN,
    )


# --- which form a document has -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "flat"),
    [
        ({}, False),
        ({"model_mappings": {}}, True),
        ({"keywords": {}}, True),
        ({"routing_mode": "keywords", "version": "1.0"}, True),
        ({"ollama": {"base_url": "http://localhost:11434", "model": "qwen2.5:0.5b"}}, True),
        ({"model_mapings": {}}, True),
        ({"keyword": {}}, True),
        ({"categories": {}}, False),
        ({"catgories": {}}, False),
        ({"routing": {"mode": "local"}}, False),
        ({"routing": {}, "model_mappings": {}}, False),
        ({"something": 1}, False),
    ],
)
def test_the_flat_form_is_recognised_by_its_keys(document: Mapping[str, Any], flat: bool) -> None:
    assert is_seeds(document) is flat


def test_a_mixture_of_both_forms_is_refused_with_the_right_words() -> None:
    found = faults({"categories": {}, "model_mappings": {}, "keywords": {}, "routing_mode": "api"})
    assert found == {
        "model_mappings": "belongs to the flat form; here it is categories.<name>.models",
        "keywords": "belongs to the flat form; here it is categories.<name>.keywords",
        "routing_mode": "belongs to the flat form; here it is routing.mode",
    }


# --- what it means -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"model_mappings": {"code": ["kimi-k2.5", "glm-5"], "tools": "gpt-4o-mini"}},
            {
                "categories": {
                    "code": {"models": ["kimi-k2.5", "glm-5"]},
                    "tools": {"models": ["gpt-4o-mini"]},
                }
            },
        ),
        (
            {"keywords": {"code": ["python"], "law": "contract"}, "model_mappings": {"law": "x/y"}},
            {
                "categories": {
                    "law": {"models": ["x/y"], "keywords": ["contract"]},
                    "code": {"keywords": ["python"]},
                }
            },
        ),
        ({"routing_mode": "keywords"}, {"routing": {"mode": "keywords"}}),
        ({"routing_mode": None, "version": 3, "ollama": {"model": "m"}}, {}),
        ({"model_mappings": {}, "keywords": {}, "model_costs": {}}, {}),
    ],
)
def test_a_flat_document_means_the_nested_one(
    document: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    assert normalise(document) == expected


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (0.5, {"input": 0.5, "output": 0.5}),
        (0, {"input": 0, "output": 0}),
        ({"input": 1, "output": 3.2}, {"input": 1, "output": 3.2}),
        ({"input": 1}, {"input": 1}),
        ({"input": None, "output": 2}, {"output": 2}),
        ({"prompt": 1, "completion": 2}, {"input": 1, "output": 2}),
        ({"input_cost": 1, "output_cost": 2}, {"input": 1, "output": 2}),
        ({"input_price": 1, "output_price": 2}, {"input": 1, "output": 2}),
        ({"input_cost_per_1k": 0.001, "output_cost_per_1k": 0.002}, {"input": 1, "output": 2}),
        ({"input_per_1k_tokens": 0.00015}, {"input": 0.15}),
        ({"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07},
         {"input": 0.15, "output": 0.6}),
        ({"input_per_million": 1, "output_per_million_tokens": 2}, {"input": 1, "output": 2}),
        ({"input_per_1m": 1, "output_price_per_1m_tokens": 2}, {"input": 1, "output": 2}),
        ({"input": 1, "cache_read": 0.1, "cache_write": 1.25, "reasoning": 4},
         {"input": 1, "cache_read": 0.1, "cache_write": 1.25, "reasoning": 4}),
    ],
)  # fmt: skip
def test_costs_become_dollars_per_million_tokens(
    cost: object, expected: Mapping[str, float]
) -> None:
    price = normalise({"model_costs": {"glm-5": cost}})["prices"]["glm-5"]
    assert price.pop("source") == "router_config.json"
    assert price == {f"{name}_usd_per_mtok": amount for name, amount in expected.items()}


def test_a_flat_document_is_laid_over_the_built_in_one() -> None:
    config = load({
        "model_mappings": {"code": ["glm-5"], "law": ["openai/gpt-4o"]},
        "model_costs": {"glm-5": {"input": 5, "output": 6}},
    })  # fmt: skip
    assert config.categories["code"].models == ["glm-5"]
    assert "python" in config.categories["code"].keywords
    assert config.categories["reasoning"].models
    assert config.prices["glm-5"].input_usd_per_mtok == 5


def test_what_has_no_effect_is_told() -> None:
    document = {"version": "1.0", "ollama": {"base_url": "http://x"}, "routing_mode": "local"}
    told = {note.field: note.message for note in notes(document)}
    assert set(told) == {"version", "ollama"}
    assert "OLLAMA_BASE_URL" in told["ollama"]


# --- slips ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ({"model_mapings": {}}, "model_mapings", "`model_mappings`"),
        ({"keywords": {}, "model_cost": {}}, "model_cost", "`model_costs`"),
        ({"routing_mode": "keyword"}, "routing_mode", "`keywords`"),
        ({"routing_mode": 5}, "routing_mode", "no mode"),
        ({"routing_mode": ["api"]}, "routing_mode", "no mode"),
        ({"model_mappings": []}, "model_mappings", "an object"),
        ({"model_mappings": {"code": 5}}, "model_mappings.code", "a list"),
        ({"model_mappings": {"code": {"models": []}}}, "model_mappings.code", "a list"),
        ({"keywords": "python"}, "keywords", "an object"),
        ({"keywords": {"code": None}}, "keywords.code", "a list"),
        ({"model_costs": [1]}, "model_costs", "an object"),
        ({"model_costs": {"m": "1"}}, "model_costs.m", "per million tokens"),
        ({"model_costs": {"m": True}}, "model_costs.m", "per million tokens"),
        ({"model_costs": {"m": -1}}, "model_costs.m", "per million tokens"),
        ({"model_costs": {"m": {"imput": 1}}}, "model_costs.m.imput", "`input`"),
        ({"model_costs": {"m": {"input": "1"}}}, "model_costs.m.input", "a number"),
        ({"model_costs": {"m": {"input": -1}}}, "model_costs.m.input", "a number"),
        ({"model_costs": {"m": {"input": 10**400}}}, "model_costs.m.input", "a number"),
        ({"model_costs": {"m": {"input": float("inf")}}}, "model_costs.m.input", "a number"),
    ],
)
def test_a_slip_is_told_with_the_nearest_key(
    document: Mapping[str, Any], field: str, said: str
) -> None:
    assert said in faults(document)[field]


def test_every_slip_is_told_at_once() -> None:
    document = {
        "model_mappings": {"code": 5},
        "keyword": {},
        "model_costs": {"m": {"imput": 1, "output": "x"}},
        "routing_mode": "x",
    }
    assert set(faults(document)) == {
        "model_mappings.code",
        "keyword",
        "model_costs.m.imput",
        "model_costs.m.output",
        "routing_mode",
    }


def test_keywords_of_a_category_that_does_not_exist_name_the_nearest() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"categories\.cod\.models.*`categories\.code`"):
        load({"keywords": {"cod": ["python"]}})


# --- the text of a file --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("\ufeff", "is empty"),
        ('{"a": 1,\n  "b": }', "line 2, column 8"),
        ('{"a": 1 "b": 2}', "line 1, column 9"),
        ("{'a': 1}", "line 1, column 2"),
        ('{"a": 1} x', "line 1, column 10"),
        ('{"keywords": {"code": [], "code": []}}', "code: stands twice"),
        ('{"a": NaN}', "`NaN` is no JSON number"),
        ('{"a": -Infinity}', "`-Infinity` is no JSON number"),
        ("[]", "must hold an object"),
        ('"x"', "must hold an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "1" * 5_000 + "}", "thousands of digits"),
    ],
)
def test_a_text_that_is_no_document_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_text(text, "my.json")
    assert caught.value.source == "my.json"
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ['{"routing_mode": "api"}', '\ufeff\n{"routing_mode": "api"}\n'])
def test_a_text_is_read_as_a_document(text: str) -> None:
    assert parse_text(text, "my.json") == {"routing_mode": "api"}


# --- the way back --------------------------------------------------------------------------------


def view(config: RouterConfig) -> dict[str, Any]:
    return seeds_view(config, ollama_base_url="http://localhost:11434", ollama_model="m")


def test_the_view_has_the_shape_that_clients_know() -> None:
    prices = {"openai/gpt-4o-mini": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.6}}
    shown = view(load({"routing": {"mode": "keywords"}, "prices": prices}))
    assert set(shown) == {"routing_mode", "ollama", "model_mappings", "keywords", "model_costs"}
    assert shown["routing_mode"] == "keywords"
    assert shown["ollama"] == {"base_url": "http://localhost:11434", "model": "m"}
    assert set(shown["model_mappings"]) == {"tools", "code", "reasoning", "conversation"}
    assert "python" in shown["keywords"]["code"]
    assert shown["model_costs"]["openai/gpt-4o-mini"] == {
        "input": 0.15,
        "output": 0.6,
    }


def test_what_was_shown_can_be_sent_back() -> None:
    before = load({})
    after = load({**view(before), "version": 7})
    assert after.categories == before.categories
    assert after.routing == before.routing
    for model, price in before.prices.items():
        assert after.prices[model].model_copy(update={"source": price.source}) == price


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,8}", fullmatch=True)
MODELS = st.from_regex(r"lab/[a-z0-9.:-]{1,8}", fullmatch=True)
AMOUNTS = st.none() | st.floats(0, 1_000_000, allow_nan=False)
DOCUMENTS = st.fixed_dictionaries(
    {
        "providers": st.just({"lab": {"base_url": "http://lab"}}),
        "routing": st.fixed_dictionaries(
            {"mode": st.sampled_from(["keywords", "local", "ollama", "api", "hybrid"])}
        ),
        "categories": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {
                    "models": st.lists(MODELS, min_size=1, max_size=4),
                    "keywords": st.lists(st.text(min_size=1, max_size=10), max_size=4),
                }
            ),
            max_size=4,
        ),
        "prices": st.dictionaries(
            MODELS,
            st.fixed_dictionaries(
                {
                    "input_usd_per_mtok": AMOUNTS,
                    "output_usd_per_mtok": AMOUNTS,
                    "cache_read_usd_per_mtok": AMOUNTS,
                }
            ),
            max_size=3,
        ),
    }
)


@given(DOCUMENTS)
def test_any_configuration_s_view_means_the_same_routes(document: dict[str, Any]) -> None:
    before = effective(document, built_in={})
    sent_back = normalise(view(before))
    after = effective(sent_back, built_in={"providers": document["providers"]})
    assert after.categories == before.categories
    assert after.routing.mode == before.routing.mode
    for model, price in before.prices.items():
        known = {
            name: amount
            for name, amount in price.model_dump(exclude_none=True).items()
            if name != "source"
        }
        shown = after.prices[model].model_dump(exclude_none=True) if known else {}
        shown.pop("source", None)
        assert shown == known
