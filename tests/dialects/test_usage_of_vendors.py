"""Usage objects as vendors publish them, or as users reported them when others misread them.

Each case names its page.  Cases that a bug report tells of carry the figures of that report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from llmrouter.core.usage import Usage
from llmrouter.dialects.anthropic.usage import read_usage as read_anthropic
from llmrouter.dialects.gemini.usage import read_usage as read_gemini
from llmrouter.dialects.ollama.usage import read_metrics
from llmrouter.dialects.ollama.usage import read_usage as read_ollama
from llmrouter.dialects.openai.usage import read_usage as read_openai
from llmrouter.dialects.responses.usage import read_usage as read_responses


@dataclass(frozen=True)
class Case:
    """A vendor's object, what it means, and the totals and the cost that the vendor bills."""

    name: str
    page: str
    dialect: str
    raw: Mapping[str, Any]
    usage: Usage
    input_tokens: int
    output_tokens: int
    cost_nusd: int | None = None


CASES = (
    Case(
        "OpenAI, cached prompt",
        "https://platform.openai.com/docs/guides/prompt-caching",
        "openai",
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        Usage(86, 1920, None, 300, 0),
        2006,
        300,
    ),
    Case(
        "OpenAI, audio in and out",
        "https://platform.openai.com/docs/guides/audio",
        "openai",
        {
            "prompt_tokens": 1050,
            "completion_tokens": 420,
            "total_tokens": 1470,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 1000, "text_tokens": 50},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 350,
                "text_tokens": 70,
            },
        },
        Usage(50, 0, None, 70, 0, input_audio_tokens=1000, output_audio_tokens=350),
        1050,
        420,
    ),
    Case(
        "OpenAI Responses",
        "https://platform.openai.com/docs/api-reference/responses/object",
        "responses",
        {
            "input_tokens": 328,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 52,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 380,
        },
        Usage(328, 0, None, 52, 0),
        328,
        52,
    ),
    Case(
        "OpenAI Responses, reasoning and cache",
        "https://platform.openai.com/docs/guides/reasoning",
        "responses",
        {
            "input_tokens": 2075,
            "input_tokens_details": {"cached_tokens": 1024},
            "output_tokens": 1186,
            "output_tokens_details": {"reasoning_tokens": 1024},
            "total_tokens": 3261,
        },
        Usage(1051, 1024, None, 162, 1024),
        2075,
        1186,
    ),
    Case(
        "Anthropic, caches of five minutes and of an hour",
        "https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching",
        "anthropic",
        {
            "input_tokens": 2048,
            "cache_read_input_tokens": 1800,
            "cache_creation_input_tokens": 248,
            "output_tokens": 503,
            "cache_creation": {"ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100},
        },
        Usage(2048, 1800, 148, 503, None, cache_write_1h_tokens=100),
        4096,
        503,
    ),
    Case(
        "Anthropic, web search",
        "https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool",
        "anthropic",
        {
            "input_tokens": 105,
            "output_tokens": 6039,
            "cache_read_input_tokens": 7123,
            "cache_creation_input_tokens": 7345,
            "server_tool_use": {"web_search_requests": 1},
        },
        Usage(105, 7123, 7345, 6039, None, web_searches=1),
        14573,
        6039,
    ),
    Case(
        "Anthropic behind a gateway that counts caches within the prompt",
        "https://github.com/Aider-AI/aider/issues/5516",
        "openai",
        {
            "prompt_tokens": 17111,
            "completion_tokens": 5,
            "total_tokens": 17116,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 17102,
            "prompt_tokens_details": {"cached_tokens": 17102},
        },
        Usage(9, 17102, 0, 5, None),
        17111,
        5,
    ),
    Case(
        "Gemini, thoughts beside the candidates",
        "https://github.com/Helicone/helicone/pull/5604",
        "gemini",
        {
            "promptTokenCount": 15,
            "candidatesTokenCount": 359,
            "totalTokenCount": 1035,
            "thoughtsTokenCount": 661,
        },
        Usage(15, None, None, 359, 661),
        15,
        1020,
    ),
    Case(
        "Gemini, an image in the prompt",
        "https://github.com/simonw/llm-gemini/issues/75",
        "gemini",
        {
            "promptTokenCount": 264,
            "candidatesTokenCount": 104,
            "totalTokenCount": 1357,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 6},
                {"modality": "IMAGE", "tokenCount": 258},
            ],
            "thoughtsTokenCount": 989,
        },
        Usage(6, None, None, 104, 989, input_image_tokens=258),
        264,
        1093,
    ),
    Case(
        "Gemini, cached audio and a tool's prompt",
        "https://ai.google.dev/api/generate-content#UsageMetadata",
        "gemini",
        {
            "promptTokenCount": 1200,
            "cachedContentTokenCount": 700,
            "toolUsePromptTokenCount": 90,
            "candidatesTokenCount": 40,
            "totalTokenCount": 1330,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 200},
                {"modality": "AUDIO", "tokenCount": 1000},
            ],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 700}],
        },
        Usage(290, 700, None, 40, None, input_audio_tokens=300),
        1290,
        40,
    ),
    Case(
        "OpenRouter, paid with its credits",
        "https://openrouter.ai/docs/use-cases/usage-accounting",
        "openai",
        {
            "completion_tokens": 2,
            "completion_tokens_details": {"reasoning_tokens": 0},
            "cost": 0.00095,
            "cost_details": {"upstream_inference_cost": None},
            "prompt_tokens": 194,
            "prompt_tokens_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 100,
                "audio_tokens": 0,
            },
            "total_tokens": 196,
        },
        Usage(94, 0, 100, 2, 0, input_audio_tokens=0),
        194,
        2,
        950_000,
    ),
    Case(
        "OpenRouter, with one's own key: its fee, and what the provider bills",
        "https://openrouter.ai/docs/use-cases/byok",
        "openai",
        {
            "prompt_tokens": 194,
            "completion_tokens": 2,
            "total_tokens": 196,
            "cost": 0.00095,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": 0.019},
        },
        Usage(194, None, None, 2, None),
        194,
        2,
        19_950_000,
    ),
    Case(
        "DeepSeek, hit and miss",
        "https://api-docs.deepseek.com/guides/kv_cache",
        "openai",
        {
            "prompt_tokens": 2049,
            "completion_tokens": 310,
            "total_tokens": 2359,
            "prompt_cache_hit_tokens": 1984,
            "prompt_cache_miss_tokens": 65,
            "prompt_tokens_details": {"cached_tokens": 1984},
            "completion_tokens_details": {"reasoning_tokens": 180},
        },
        Usage(65, 1984, None, 130, 180),
        2049,
        310,
    ),
    Case(
        "xAI, reasoning beside the completion",
        "https://github.com/Wei-Shaw/sub2api/issues/5771",
        "openai",
        {
            "prompt_tokens": 10120,
            "completion_tokens": 1499,
            "total_tokens": 14428,
            "prompt_tokens_details": {"cached_tokens": 128},
            "completion_tokens_details": {"reasoning_tokens": 2809},
            "cost_in_usd_ticks": 232856000,
        },
        Usage(9992, 128, None, 1499, 2809),
        10120,
        4308,
        23_285_600,
    ),
    Case(
        "xAI, one token and much thought",
        "https://github.com/vercel/ai/pull/12425",
        "openai",
        {
            "prompt_tokens": 12,
            "completion_tokens": 1,
            "total_tokens": 399,
            "completion_tokens_details": {"reasoning_tokens": 386},
        },
        Usage(12, None, None, 1, 386),
        12,
        387,
    ),
    Case(
        "Mistral",
        "https://docs.mistral.ai/api/#tag/chat",
        "openai",
        {"prompt_tokens": 107, "completion_tokens": 55, "total_tokens": 162},
        Usage(107, None, None, 55, None),
        107,
        55,
    ),
    Case(
        "Groq, with its times and a cached prompt",
        "https://console.groq.com/docs/prompt-caching",
        "openai",
        {
            "queue_time": 0.026959759,
            "prompt_tokens": 4641,
            "prompt_time": 0.009995497,
            "completion_tokens": 1817,
            "completion_time": 5.57691751,
            "total_tokens": 6458,
            "total_time": 5.586913007,
            "prompt_tokens_details": {"cached_tokens": 4608},
        },
        Usage(33, 4608, None, 1817, None),
        4641,
        1817,
    ),
    Case(
        "Perplexity, searches and its own cost",
        "https://docs.perplexity.ai/api-reference/chat-completions-post",
        "openai",
        {
            "prompt_tokens": 14,
            "completion_tokens": 287,
            "total_tokens": 301,
            "search_context_size": "low",
            "num_search_queries": 3,
            "cost": {
                "input_tokens_cost": 0.0,
                "output_tokens_cost": 0.0,
                "request_cost": 0.005,
                "total_cost": 0.005,
            },
        },
        Usage(14, None, None, 287, None, web_searches=3),
        14,
        287,
        5_000_000,
    ),
    Case(
        "Ollama, durations and counts",
        "https://github.com/ollama/ollama/blob/main/docs/api.md",
        "ollama",
        {
            "total_duration": 4935886791,
            "load_duration": 534986708,
            "prompt_eval_count": 26,
            "prompt_eval_duration": 107345000,
            "eval_count": 237,
            "eval_duration": 4289432000,
        },
        Usage(26, None, None, 237, None),
        26,
        237,
    ),
)


def read(dialect: str, raw: Mapping[str, Any]) -> tuple[Usage | None, int | None]:
    match dialect:
        case "openai" | "responses":
            reported = (read_openai if dialect == "openai" else read_responses)(raw)
            return reported.usage, reported.cost_nusd
        case "anthropic":
            return read_anthropic(raw), None
        case "gemini":
            return read_gemini(raw), None
        case _:
            metrics = read_metrics(raw)
            assert metrics == raw  # the durations are kept, too
            return read_ollama(metrics), None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_vendors_usage_is_read_as_the_vendor_bills_it(case: Case) -> None:
    usage, cost_nusd = read(case.dialect, case.raw)

    assert usage == case.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (case.input_tokens, case.output_tokens)
    assert cost_nusd == case.cost_nusd
