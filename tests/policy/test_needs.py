"""Whether a target can serve a request at all."""

from __future__ import annotations

import pytest

from llmrouter.core.configuration import AccountConfig, ModelConfig, ProviderConfig
from llmrouter.core.requests import ChatRequest, Turn
from llmrouter.core.routing import Need, Refusal, Target
from llmrouter.policy.needs import consider, estimate_input_tokens, key_variable

TARGET = Target("lab", "fast")
KEYED = ProviderConfig(
    base_url="http://127.0.0.1:9000/v1",
    api_key_env="LAB_API_KEY",
    accounts={"second": AccountConfig(api_key_env="LAB_2_API_KEY")},
)
OPEN = ProviderConfig(base_url="http://127.0.0.1:9000/v1")
OPTIONAL = KEYED.model_copy(update={"key_optional": True})
UNKNOWN = ModelConfig()


def request(*needs: Need, text: str = "hello") -> ChatRequest:
    return ChatRequest(
        dialect="openai",
        body=b"",
        document={},
        model=None,
        stream=False,
        include_usage=False,
        turns=(Turn("user", text),),
        needs=frozenset(needs),
    )


def refused(
    *needs: Need,
    target: Target = TARGET,
    provider: ProviderConfig | None = OPEN,
    model: ModelConfig = UNKNOWN,
    keys: tuple[str, ...] = (),
    input_tokens: int = 10,
) -> Refusal | None:
    return consider(
        target,
        request(*needs),
        provider=provider,
        model=model,
        has_key=keys.__contains__,
        input_tokens=input_tokens,
    ).refused


NEEDS: list[tuple[Need, Refusal]] = [
    ("tools", "no_tools"),
    ("vision", "no_vision"),
    ("audio", "no_audio"),
    ("json_schema", "no_json_schema"),
]


@pytest.mark.parametrize(("need", "refusal"), NEEDS)
def test_only_a_capability_that_is_denied_refuses(need: Need, refusal: Refusal) -> None:
    assert refused(need, model=ModelConfig.model_validate({need: False})) == refusal
    assert refused(need, model=ModelConfig.model_validate({need: True})) is None
    assert refused(need) is None
    assert refused(model=ModelConfig.model_validate({need: False})) is None


@pytest.mark.parametrize(
    ("window", "input_tokens", "refusal"),
    [(100, 101, "context_too_small"), (100, 100, None), (None, 10**9, None)],
)
def test_a_known_window_must_hold_the_request(
    window: int | None, input_tokens: int, refusal: Refusal | None
) -> None:
    model = ModelConfig(context_tokens=window)

    assert refused(model=model, input_tokens=input_tokens) == refusal


def test_a_provider_that_is_not_configured_is_unknown() -> None:
    assert refused(provider=None) == "unknown_provider"


@pytest.mark.parametrize(
    ("provider", "account", "keys", "refusal"),
    [
        (KEYED, "default", (), "no_credentials"),
        (KEYED, "default", ("LAB_API_KEY",), None),
        (KEYED, "second", ("LAB_API_KEY",), "no_credentials"),
        (KEYED, "second", ("LAB_2_API_KEY",), None),
        (OPTIONAL, "default", (), None),
        (OPEN, "default", (), None),
    ],
)
def test_an_account_needs_its_key(
    provider: ProviderConfig, account: str, keys: tuple[str, ...], refusal: Refusal | None
) -> None:
    target = Target("lab", "fast", account)

    assert refused(target=target, provider=provider, keys=keys) == refusal


def test_a_missing_key_is_named() -> None:
    candidate = consider(
        TARGET,
        request(),
        provider=KEYED,
        model=UNKNOWN,
        has_key=lambda _: False,
        input_tokens=1,
    )

    assert candidate.detail == "LAB_API_KEY is not set"


def test_each_account_has_its_own_variable() -> None:
    assert key_variable(KEYED, "default") == "LAB_API_KEY"
    assert key_variable(KEYED, "second") == "LAB_2_API_KEY"
    assert key_variable(OPEN, "default") is None


def test_the_estimate_follows_the_text() -> None:
    short, long = (estimate_input_tokens(request(text="word " * n)) for n in (80, 800))
    assert 80 <= short <= 100
    assert 800 <= long <= 1_000  # on the low side: a token a word, and the space before it
