"""Usage objects of many providers as disjoint classes."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.records import replace
from llmrouter.core.usage import Usage
from llmrouter.dialects.openai import usage
from llmrouter.dialects.openai.usage import read_usage


def classes(
    uncached: int | None,
    text: int | None,
    *,
    read: int | None = None,
    write: int | None = None,
    reasoning: int | None = None,
) -> Usage:
    return Usage(uncached, read, write, text, reasoning)


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5}, classes(10, 5), id="plain"),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "cached_tokens": 7,
                "num_cached_tokens": 6,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
            classes(6, 5, read=4),
            id="of rival spellings OpenAI's, wherever it stands",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            replace(classes(40, 30, read=60, reasoning=20), input_audio_tokens=0),
            id="OpenAI",
        ),
        pytest.param(
            {
                "prompt_tokens": 194,
                "completion_tokens": 2,
                "total_tokens": 196,
                "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            classes(54, 2, read=40, write=100, reasoning=0),
            id="OpenRouter",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 8,
                "total_tokens": 108,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            classes(36, 5, read=64, reasoning=3),
            id="DeepSeek",
        ),
        pytest.param(
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "prompt_tokens_details": {"cached_tokens": 6},
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            classes(26, 9, read=6, reasoning=94),
            id="xAI: reasoning beside",
        ),
        pytest.param(
            {
                "prompt_tokens": 32,
                "completion_tokens": 90,
                "total_tokens": 216,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            classes(32, 90, reasoning=94),
            id="reasoning above the output without a total that says so",
        ),
        pytest.param(
            {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623},
            classes(20, 198, reasoning=405),
            id="Google: thoughts in the total alone",
        ),
        pytest.param(
            {
                "prompt_tokens": 801,
                "completion_tokens": 2,
                "total_tokens": 803,
                "num_cached_tokens": 768,
                "prompt_token_details": {"cached_tokens": 768},
            },
            classes(33, 2, read=768),
            id="Mistral",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "cached_tokens": 4},
            classes(6, 2, read=4),
            id="Moonshot",
        ),
        pytest.param(
            {
                "prompt_tokens": 18,
                "completion_tokens": 556,
                "total_tokens": 574,
                "queue_time": 0.037,
                "prompt_time": 0.0006,
                "total_time": 0.46,
            },
            classes(18, 556),
            id="Groq",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 2015,
                "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 0,
            },
            classes(10, 5, read=2000, write=0),
            id="Anthropic's way: caches beside",
        ),
        pytest.param({"prompt_tokens": 9, "total_tokens": 14}, classes(9, 5), id="from the total"),
        pytest.param({"prompt_tokens": 9.0, "completion_tokens": 1}, classes(9, 1), id="floats"),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, None, id="zero"),
        pytest.param({"total_tokens": 0}, None, id="nothing"),
        pytest.param({"estimated": True}, None, id="foreign"),
    ],
)
def test_classes_are_disjoint_whatever_the_provider_counts(
    raw: dict[str, Any], usage: Usage | None
) -> None:
    reported = read_usage(raw)
    assert reported.usage == usage
    assert not reported.is_absurd


@pytest.mark.parametrize("figure", [-1, 2**63, 10**13, "7", True, 1.5, [], {}])
def test_a_figure_that_cannot_be_is_left_out(figure: object) -> None:
    reported = read_usage({"prompt_tokens": figure, "completion_tokens": 5, "total_tokens": 15})
    assert reported.usage == classes(None, 5)
    assert reported.is_absurd


@pytest.mark.parametrize(
    ("cost", "nusd"),
    [
        ({}, None),
        ({"cost": None}, None),
        ({"cost": 0}, 0),
        ({"cost": 0.00014}, 140_000),
        ({"cost": 0.95, "cost_details": {"upstream_inference_cost": 19}}, 950_000_000),
        (
            {"cost": 0.95, "is_byok": True, "cost_details": {"upstream_inference_cost": 19}},
            19_950_000_000,
        ),
        ({"cost_in_usd_ticks": 232_856_000}, 23_285_600),
        ({"cost": {"input_tokens_cost": 0.001, "total_cost": 0.006}}, 6_000_000),
        ({"cost": "0.1"}, None),
        ({"cost": -1}, None),
        ({"cost": 1e300}, None),
        ({"cost": True}, None),
    ],
)
def test_a_providers_own_cost_is_read(cost: dict[str, Any], nusd: int | None) -> None:
    assert read_usage({"prompt_tokens": 1, **cost}).cost_nusd == nusd


COUNTS = st.integers(0, 10_000)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.booleans())
def test_law_classes_sum_to_the_totals(
    uncached: int, cached: int, written: int, text: int, reasoning: int, is_beside: bool
) -> None:
    prompt = uncached + cached + written
    raw = {
        "prompt_tokens": prompt,
        "completion_tokens": text if is_beside else text + reasoning,
        "total_tokens": prompt + text + reasoning,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    usage = read_usage(raw).usage
    if usage is not None:
        assert usage == Usage(uncached, cached, written, text, reasoning)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "prompt_tokens",
                "completion_tokens",
                "total_tokens",
                "cached_tokens",
                "reasoning_tokens",
                "prompt_tokens_details",
                "completion_tokens_details",
                "cost",
                "is_byok",
                "cost_in_usd_ticks",
            ]
        ),
        st.none() | st.integers() | st.floats() | st.text() | st.just({"cached_tokens": 3}),
    )
)
def test_law_no_class_is_ever_negative(raw: dict[str, Any]) -> None:
    usage = read_usage(raw).usage or Usage()
    counts = (
        usage.uncached_input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.text_output_tokens,
        usage.reasoning_tokens,
    )
    assert all(count is None or count >= 0 for count in counts)


FIGURES = st.none() | st.booleans() | st.integers(-1, 9) | st.just(10**13) | st.just(2.0)
DETAILS = {
    "prompt_tokens_details": st.sampled_from(["cached_tokens", "audio_tokens", "image_tokens"]),
    "completion_tokens_details": st.sampled_from(
        ["reasoning_tokens", "audio_tokens", "rejected_prediction_tokens"]
    ),
}


@given(
    st.integers(0, 9),
    st.integers(0, 9),
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.dictionaries(said, FIGURES) for name, said in DETAILS.items()},
            "total_tokens": FIGURES,
            "prompt_tokens": FIGURES,
            "cached_tokens": FIGURES,
        },
    ),
)
def test_law_usual_figures_are_read_as_all_others_are(
    prompt: int, completion: int, odd: dict[str, Any]
) -> None:
    figures = {"prompt_tokens": prompt, "completion_tokens": completion}
    raw = {**figures, "total_tokens": prompt + completion, **odd}
    with mock.patch.object(usage, "_plain_usage", return_value=None):
        expected = read_usage(raw)
    assert read_usage(raw) == expected
