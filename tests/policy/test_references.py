"""Names in a configuration that lead nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llmrouter.core.configuration import RouterConfig
from llmrouter.core.errors import ConfigurationInvalid
from llmrouter.core.routing import DialectName
from llmrouter.policy.defaults import built_in_document, effective, load_document
from llmrouter.policy.references import check_references
from llmrouter.policy.table import compile_table

DIALECTS: tuple[DialectName, ...] = ("openai", "gemini", "ollama", "anthropic")
BUILT_IN = built_in_document()


def faults(document: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigurationInvalid) as caught:
        load_document(document, source="a file", dialects=DIALECTS, built_in=BUILT_IN)
    assert caught.value.source == "a file"
    return {error.field: error.message for error in caught.value.errors}


def accepted(document: Mapping[str, Any]) -> RouterConfig:
    return load_document(document, source="a file", dialects=DIALECTS, built_in=BUILT_IN)


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ({"routng": {}}, "routng", "`routing`"),
        ({"routing": {"mod": "local"}}, "routing.mod", "`mode`"),
        ({"routing": {"mode": "keyword"}}, "routing.mode", "'keywords'"),
        ({"routing": {"default_category": "conversatoin"}}, "routing.default_category",
         "`conversation`"),
        ({"categories": {"tools": None}}, "categories.tools", "routing.tools_category"),
        ({"categories": {"cod": {"keywords": ["x"]}}}, "categories.cod.models",
         "`categories.code`"),
        ({"categories": {"code": {"modles": ["x"]}}}, "categories.code.modles", "`models`"),
        ({"categories": {"code": {"models": []}}}, "categories.code.models", "at least 1"),
        ({"categories": {"code": {"models": ["opneai/gpt-4o"]}}}, "categories.code.models.0",
         "`openai`"),
        ({"categories": {"code": {"models": ["openai/gpt-4o", "kimi-k25"]}}},
         "categories.code.models.1", "`kimi-k2.5`"),
        ({"categories": {"code": {"models": ["zzz"]}}}, "categories.code.models.0",
         "`provider/model-id`"),
        ({"categories": {"code": {"models": ["reasoning"]}}}, "categories.code.models.0",
         "a route lists models"),
        ({"categories": {"code": {"models": ["gpt-oss-120b"]}}, "providers": {"lab": {
            "base_url": "http://lab", "models": ["gpt-oss-120b"]}}}, "categories.code.models.0",
         "`lab/gpt-oss-120b`"),
        ({"combos": {"code": {"models": ["gpt-4o-mini"]}}}, "combos.code", "a category's name"),
        ({"combos": {"auto": {"models": ["gpt-4o-mini"]}}}, "combos.auto", "choose another"),
        ({"categories": {"router": {"models": ["gpt-4o-mini"]}}}, "categories.router",
         "choose another"),
        ({"aliases": {"auto": "gpt-4o-mini"}}, "aliases.auto", "choose another"),
        ({"combos": {"mine": {"models": ["deepsek/x"]}}}, "combos.mine.models.0", "`deepseek`"),
        ({"combos": {"mine": {"modes": ["a"]}}}, "combos.mine.modes", "`models`"),
        ({"providers": {"openia": {"api_key_env": "X"}}}, "providers.openia.base_url",
         "`providers.openai`"),
        ({"providers": {"lab": {"base_url": "http://l", "dialect": "responses"}}},
         "providers.lab.dialect", "openai"),
        ({"providers": {"lab": {"base_url": "http://l", "quirks": ["max_token_only"]}}},
         "providers.lab.quirks.0", "'max_tokens_only'"),
        ({"aliases": {"a": "b", "b": "a"}}, "aliases.a", "leads back to itself"),
        ({"aliases": {"fast": "grok/grok-4.6"}, "providers": {"openrouter": None}},
         "aliases.fast", "`groq`"),
        ({"aliases": {"gpt-*": "opnai/*"}}, "aliases.gpt-*", "`openai`"),
        ({"aliases": {"fast": "gpt-4o-mni"}}, "aliases.fast", "`gpt-4o-mini`"),
        ({"models": {"mistrl/x": {"tools": True}}}, "models.mistrl/x", "`mistral`"),
        ({"models": {"openai/x": {"tool": True}}}, "models.openai/x.tool", "`tools`"),
        ({"prices": {"antropic/x": {"input_usd_per_mtok": 1}}}, "prices.antropic/x",
         "`anthropic`"),
        ({"prices": {"openai/x": {"input_usd_per_mtoken": 1}}},
         "prices.openai/x.input_usd_per_mtoken", "`input_usd_per_mtok`"),
        ({"model_mappings": {"code": ["kimi-k2.5"]}, "categories": {}}, "model_mappings",
         "categories.<name>.models"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_told_with_the_nearest(
    document: Mapping[str, Any], field: str, said: str
) -> None:
    found = faults(document)
    assert field in found
    assert said in found[field]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://lab/v1", "http:// or https://"),
        ("lab/v1", "http:// or https://"),
        ("https://", "http:// or https://"),
        ("https://user:secret@lab/v1", "api_key_env"),
        ("http://key@127.0.0.1:8000", "api_key_env"),
        ("http://lab:99999/v1", "65535"),
        ("http://lab:0/v1", "65535"),
        ("http://lab:http/v1", "65535"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, said: str) -> None:
    found = faults({"providers": {"lab": {"base_url": address}}})
    assert said in found["providers.lab.base_url"]
    assert "secret" not in found["providers.lab.base_url"]


def test_every_fault_is_told_at_once() -> None:
    document = {
        "routing": {"default_category": "nothing"},
        "categories": {"code": {"models": ["opneai/gpt-4o", "zzz"]}},
        "combos": {"mine": {"models": ["deepsek/x"]}},
        "aliases": {"a": "b", "b": "a"},
    }
    assert set(faults(document)) == {
        "routing.default_category",
        "categories.code.models.0",
        "categories.code.models.1",
        "combos.mine.models.0",
        "aliases.a",
        "aliases.b",
    }


@pytest.mark.parametrize(
    "document",
    [
        {"categories": {"code": {"models": ["meta-llama/llama-4-maverick"]}}},
        {"categories": {"code": {"models": ["mistralai/devstral-medium", "x-ai/grok-4"]}}},
        {"categories": {"code": {"models": ["gpt-4o"]}}},
        {"categories": {"code": {"models": ["fast"]}}, "aliases": {"fast": "openai/gpt-4o"}},
        {"categories": {"code": {"models": ["gpt-x"]}}, "aliases": {"gpt-*": "openai/gpt-*"}},
        {"categories": {"tools": None}, "routing": {"tools_category": "never"}},
        {"aliases": {"claude-*": "code", "gpt-*": "auto", "fast": "always-on"},
         "combos": {"always-on": {"models": ["openai/gpt-4o", "ollama/llama3.1"]}}},
        {"prices": {"some-old-model": {"input_usd_per_mtok": 1}}},
        {"models": {"gpt-4o": {"context_tokens": 128_000}}},
    ],
)  # fmt: skip
def test_a_name_that_leads_somewhere_is_accepted(document: Mapping[str, Any]) -> None:
    accepted(document)


def test_what_is_accepted_leads_where_the_table_leads() -> None:
    config = accepted({
        "providers": {"lab": {"base_url": "http://lab"}},
        "aliases": {"fast": "lab/one"},
        "categories": {"code": {"models": ["one", "fast", "meta-llama/llama-4-maverick"]}},
    })  # fmt: skip
    targets = compile_table(1, {}, config).targets("code")
    assert [target.name for target in targets] == [
        "lab/one",
        "lab/one",
        "openrouter/meta-llama/llama-4-maverick",
    ]


def test_a_dialect_is_accepted_once_it_is_spoken() -> None:
    document = {"providers": {"lab": {"base_url": "http://l", "dialect": "responses"}}}
    load_document(document, source="f", dialects=(*DIALECTS, "responses"), built_in=BUILT_IN)
    assert "providers.lab.dialect" in faults(document)


def test_a_sound_configuration_has_no_faults_to_list() -> None:
    assert check_references(effective({}, built_in=BUILT_IN), dialects=DIALECTS) == []
