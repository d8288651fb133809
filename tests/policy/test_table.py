"""The routing table: what names mean, which targets a route has, whose settings count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llmrouter.core.configuration import TimeoutsConfig, read_document
from llmrouter.core.errors import NotFound
from llmrouter.core.routing import Target
from llmrouter.policy.table import CLASSIFIED, Resolution, RoutingTable, compile_table

DOCUMENT: dict[str, Any] = {
    "providers": {
        "lab": {
            "base_url": "http://127.0.0.1:9000/v1",
            "api_key_env": "LAB_API_KEY",
            "models": ["fast", "big", "shared"],
            "timeouts": {"connect_s": 2, "idle_s": 20},
        },
        "east": {
            "base_url": "http://127.0.0.1:9001/v1",
            "api_key_env": "EAST_API_KEY",
            "accounts": {"second": {"api_key_env": "EAST_2_API_KEY"}},
            "models": ["shared"],
        },
        "pool": {
            "base_url": "http://127.0.0.1:9002/v1",
            "accounts": {"a": {"api_key_env": "A_KEY"}, "b": {"api_key_env": "B_KEY"}},
        },
        "openrouter": {"base_url": "http://127.0.0.1:9003/v1", "api_key_env": "OR_KEY"},
    },
    "categories": {
        "conversation": {
            "models": ["kimi-k2.5", "lab/fast"],
            "timeouts": {"idle_s": 9},
            "breaker": {"failure_threshold": 7},
        },
        "code": {"models": ["lab/big", "east/shared"], "keywords": ["python"]},
    },
    "combos": {"always-on": {"models": ["pool/m", "moonshotai/other"], "strategy": "cheapest"}},
    "aliases": {
        "kimi-k2.5": "openrouter/moonshotai/kimi-k2.5",
        "openrouter/kimi-k2.5": "openrouter/moonshotai/kimi-k2.5",
        "short": "kimi-k2.5",
        "fast": "code",
        "gpt-*": "lab/big",
        "gpt-4*": "lab/fast",
        "gpt-4?": "east/shared",
        "x/*/y-*": "openrouter/*/with-*",
        "claude*": "router",
        "gone": "nowhere",
    },
    "models": {
        "lab/fast": {
            "context_tokens": 8000,
            "timeouts": {"idle_s": 15},
            "limits": {"event_bytes": 4096},
        },
        "kimi-k2.5": {"context_tokens": 256_000},
    },
    "prices": {"kimi-k2.5": {"input_usd_per_mtok": 0.6, "output_usd_per_mtok": 2.5, "source": "s"}},
}


def compiled(**changes: Any) -> RoutingTable:
    document: Mapping[str, Any] = {**DOCUMENT, **changes}
    return compile_table(7, document, read_document(document))


TABLE = compiled()
NOW_US = 1_790_000_000_000_000
KIMI = Target("openrouter", "moonshotai/kimi-k2.5")
EAST = (Target("east", "shared"), Target("east", "shared", "second"))


@pytest.mark.parametrize("name", [None, "", "  ", "router", "router/router", "auto", "AUTO"])
def test_no_name_and_our_own_leave_the_choice_to_us(name: str | None) -> None:
    assert TABLE.resolve(name) == CLASSIFIED


NAMES = [
    ("code", Resolution("code", (), "route")),
    ("always-on", Resolution("always-on", (), "route")),
    ("kimi-k2.5", Resolution(None, (KIMI,), "alias")),
    ("openrouter/kimi-k2.5", Resolution(None, (KIMI,), "alias")),
    ("short", Resolution(None, (KIMI,), "alias")),
    ("fast", Resolution("code", (), "alias")),
    ("claude-sonnet", CLASSIFIED),
    ("gpt-5", Resolution(None, (Target("lab", "big"),), "alias")),
    ("gpt-4o-mini", Resolution(None, (Target("lab", "fast"),), "alias")),
    ("gpt-41", Resolution(None, EAST, "alias")),
    ("x/vendor/y-7b", Resolution(None, (Target("openrouter", "vendor/with-7b"),), "alias")),
    ("lab/anything", Resolution(None, (Target("lab", "anything"),), "model")),
    ("openrouter/a/b:free", Resolution(None, (Target("openrouter", "a/b:free"),), "model")),
    ("east/shared", Resolution(None, EAST, "model")),
    ("big", Resolution(None, (Target("lab", "big"),), "bare_id")),
    ("moonshotai/kimi-k2.5", Resolution(None, (KIMI,), "bare_id")),
    ("mistralai/small", Resolution(None, (Target("openrouter", "mistralai/small"),), "model")),
    ("qwen/unheard-of", Resolution(None, (Target("openrouter", "qwen/unheard-of"),), "model")),
]


@pytest.mark.parametrize(("name", "resolution"), NAMES)
def test_names_resolve_in_their_order(name: str, resolution: Resolution) -> None:
    assert TABLE.resolve(name) == resolution
    assert TABLE.resolve(f" {name} ") == resolution


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cod", "Did you mean `code`?"),
        ("Kimi-k2.6", "`kimi-k2.5`"),
        ("bigg", "`big`"),
        ("opnerouter/x", "There is no model"),
        ("shared", "`east/shared`, `lab/shared`"),
        ("gone", "`gone` is an alias of `nowhere`"),
        ("zzzzzzzzz", "GET /v1/models"),
        ("n" * 100_000, "GET /v1/models"),
        ("lab/x\r\nset-cookie: y=1", "called `lab/x??set-cookie: y=1`"),
        ("lab/\x1b[2J", "called `lab/?[2J`"),
    ],
)
def test_unknown_names_get_a_404_with_help(name: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        TABLE.resolve(name)

    assert (caught.value.status, caught.value.code) == (404, "model_not_found")
    assert caught.value.param == "model"
    assert hint in caught.value.message
    assert len(caught.value.message) < 700


def test_without_openrouter_an_unknown_provider_is_unknown() -> None:
    providers = {"lab": DOCUMENT["providers"]["lab"]}

    with pytest.raises(NotFound):
        compiled(providers=providers).resolve("qwen/unheard-of")


def test_a_route_has_each_model_with_each_account() -> None:
    assert TABLE.targets("conversation") == (KIMI, Target("lab", "fast"))
    assert TABLE.targets("code") == (Target("lab", "big"), *EAST)
    assert TABLE.targets("always-on") == (
        Target("pool", "m", "a"),
        Target("pool", "m", "b"),
        Target("openrouter", "moonshotai/other"),
    )
    assert TABLE.targets("nowhere") == ()


def test_a_target_of_a_provider_that_is_not_configured_is_still_a_target() -> None:
    providers = {"lab": DOCUMENT["providers"]["lab"]}

    table = compiled(providers=providers)

    assert table.targets("code")[1] == Target("openrouter", "east/shared")
    assert table.provider("openrouter") is None


def test_a_route_is_ordered_by_its_strategy() -> None:
    prices = {"moonshotai/other": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}}

    table = compiled(prices=prices)

    first = table.ordered("always-on", request_id=1, at_us=NOW_US)[0]
    assert first == Target("openrouter", "moonshotai/other")
    assert table.ordered("code", request_id=1, at_us=NOW_US) == table.targets("code")


def test_the_most_specific_setting_counts() -> None:
    fast = Target("lab", "fast")

    for route, idle_s in ((None, 15), ("code", 15), ("conversation", 9)):
        timeouts = TABLE.terms(fast, route).timeouts
        assert (timeouts.connect_s, timeouts.idle_s, timeouts.headers_s) == (2, idle_s, 60)
    assert TABLE.terms(Target("lab", "big"), "code").timeouts.idle_s == 20
    assert TABLE.terms(Target("east", "shared"), "code").timeouts.idle_s == 60
    assert TABLE.terms(fast, "conversation").breaker.failure_threshold == 7
    assert TABLE.terms(fast).breaker.failure_threshold == 3
    assert TABLE.terms(fast).limits.event_bytes == 4096
    assert TABLE.terms(KIMI).limits.event_bytes == 8 * 2**20


def test_prices_and_models_are_found_under_their_short_names() -> None:
    card = TABLE.price(KIMI, NOW_US)
    assert card is not None
    assert (card.origin, card.source, card.config_version) == ("configuration", "s", 7)
    assert card.nusd_per_million("input") == 600_000_000
    assert card.nusd_per_million("output") == 2_500_000_000
    assert TABLE.price(Target("lab", "fast"), NOW_US) is None
    assert TABLE.model(KIMI).context_tokens == 256_000
    assert TABLE.model(Target("lab", "unknown")).context_tokens is None


def test_the_list_of_models_has_every_name_a_client_may_send() -> None:
    listed = {model.id: model for model in TABLE.models_listed()}

    for name in ("router", "code", "always-on", "kimi-k2.5", "lab/fast", "east/shared"):
        assert name in listed
        TABLE.resolve(name)
    assert listed["code"].owned_by == "llmrouter"
    assert (listed["lab/fast"].owned_by, listed["lab/fast"].context_tokens) == ("lab", 8000)
    assert not any("*" in name for name in listed)


def test_keywords_are_those_of_the_document() -> None:
    assert TABLE.keywords.classify("some python").category == "code"


def test_every_target_is_known_once() -> None:
    known = TABLE.known_targets()

    assert len(known) == len(set(known))
    assert set(TABLE.targets("code")) <= set(known)


def test_the_table_remembers_where_it_came_from() -> None:
    assert (TABLE.version, TABLE.document) == (7, DOCUMENT)


CLOCKS = tuple(TimeoutsConfig.model_fields)


@pytest.mark.parametrize("clock", CLOCKS)
def test_of_each_clock_the_most_specific_word_counts(clock: str) -> None:
    """General, then provider, model and route, each over the one before."""
    words: dict[str, float] = {"general": 1, "provider": 2, "model": 3, "route": 4}
    for number in range(1, 5):
        said = {place: {clock: s} for place, s in list(words.items())[:number]}
        config = read_document(
            {
                "timeouts": said.get("general", {}),
                "providers": {
                    "lab": {"base_url": "http://x/v1", "timeouts": said.get("provider", {})}
                },
                "models": {"lab/m": {"timeouts": said.get("model", {})}},
                "combos": {"c": {"models": ["lab/m"], "timeouts": said.get("route", {})}},
            }
        )
        timeouts = compile_table(1, {}, config).terms(Target("lab", "m"), "c").timeouts
        assert getattr(timeouts, clock) == number


def test_a_version_that_leaves_the_keywords_alone_takes_the_last_ones_over() -> None:
    following = compile_table(8, DOCUMENT, read_document(DOCUMENT), before=TABLE)
    assert following.keywords is TABLE.keywords

    law = {"law": {"models": ["kimi-k2.5"], "keywords": ["contract"]}}
    document = {**DOCUMENT, "categories": law}
    other = compile_table(9, document, read_document(document), before=following)
    assert other.keywords.classify("the contract").category == "law"
    assert following.keywords.classify("the contract").category != "law"
