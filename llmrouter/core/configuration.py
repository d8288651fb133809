"""The router configuration: one document that holds everything that routes.

`RouterConfig` is the shape of a complete document.  A person's own document may leave out any
key; `llmrouter.policy.defaults` lays it over the built-in one before it is read here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from llmrouter.core.base_urls import BaseUrl, native_root
from llmrouter.core.errors import ConfigurationInvalid, FieldError
from llmrouter.core.routing import DialectName, Mode

RouteName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""A category's or combo's name: lower case, no slash (a slash means ``provider/model``)."""

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=True)]
"""``provider/model-id``, or a short name that an alias explains."""

StrategyName = Literal["priority", "cheapest", "shuffle"]
"""In which order a route's models are tried."""

Quirk = Literal[
    "max_tokens_only",
    "no_max_tokens",  # wants max_completion_tokens instead
    "no_stream_options",
    "no_developer_role",
    "cache_control",  # takes Anthropic's cache hints inside chat messages
    "leading_system_only",  # refuses instructions in the midst of a conversation
    "text_as_string",  # refuses lists of text parts
]
"""What a compatible provider does differently, from a closed list."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]
TokensPerSecond = Annotated[float, Field(gt=0, le=100_000)]
Concurrency = Annotated[int, Field(ge=1, le=1_000_000)]
UsdPerMtok = Annotated[float, Field(ge=0, le=1_000_000)]

BUILT_IN_CATEGORIES = ("tools", "code", "reasoning", "conversation")


class Section(BaseModel):
    """A part of the document: frozen, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RoutingConfig(Section):
    """How a request finds its route."""

    mode: Mode = Field("hybrid", description="how text is classified")
    default_category: RouteName = Field(
        "conversation", description="the category when nothing else speaks for one"
    )
    tools_category: Literal["present", "auto", "never"] = Field(
        "auto",
        description="when a request that carries tools belongs to the category `tools`: always, "
        "unless an agent carries them on every turn, or never",
    )
    report_cost_in_usage: bool = Field(
        True, description="add `usage.cost` in USD to replies whose cost is known"
    )


class BreakerConfig(Section):
    """When a failing target is passed over, and for how long."""

    failure_threshold: int = Field(3, ge=1, le=1000, description="consecutive counted failures")
    recovery_timeout_s: Seconds = Field(300, description="how long it stays open")
    half_open_probes: int = Field(1, ge=1, le=100, description="trials at once when half open")
    on_all_open: Literal["try", "refuse"] = Field(
        "try", description="when every target is open: let one trial through, or refuse"
    )


class TimeoutsConfig(Section):
    """Clocks of one attempt, in seconds."""

    connect_s: Seconds = Field(5, description="to open a connection, TLS included")
    headers_s: Seconds = Field(60, description="from the request's last byte to the headers")
    first_token_s: Seconds = Field(60, description="from the headers to the first token")
    idle_s: Seconds = Field(60, description="between two tokens; comments are none")
    total_s: Seconds = Field(
        600,
        description="for the whole attempt; a request with all its attempts ends within the "
        "longest of its candidates'",
    )
    min_tokens_per_s: TokensPerSecond | None = Field(
        None,
        description="the rate that a stream must show before the client gets any of it; else the "
        "next model is asked",
    )
    rate_window_s: Seconds = Field(
        2, description="how long after its first token a stream has for that"
    )
    drain_s: Seconds = Field(
        30, description="to read a reply on whose client has left (`on_disconnect: drain`)"
    )


class RetriesConfig(Section):
    """How much of the recent traffic to a target may be asked once more because of it: at the same
    target again, or at another beside it.  Moving on to the next target is not limited."""

    share: float = Field(
        0.2, ge=0, le=1, description="extra attempts for each attempt of the window"
    )
    floor: int = Field(3, ge=0, le=10_000, description="extra attempts that are always allowed")
    window_s: Seconds = Field(10, description="how far back traffic counts")


class LimitsConfig(Section):
    """Bounds on what is read, and on how much is under way at once."""

    request_body_bytes: int = Field(16 * 2**20, ge=1024, description="a client's body")
    response_body_bytes: int = Field(64 * 2**20, ge=1024, description="a provider's whole reply")
    event_bytes: int = Field(8 * 2**20, ge=1024, description="one server-sent event")
    drain_bytes: int = Field(
        2**20, ge=0, description="what is read of a stream whose client has left"
    )
    concurrent_requests: Concurrency | None = Field(
        None,
        description="attempts that a model carries at once; said of a provider, also those of all "
        "its models together",
    )
    queue_s: Seconds = Field(
        2, description="how long a request waits for a place there before the next model is asked"
    )
    queued_requests: int = Field(
        100, ge=0, le=100_000, description="how many may wait for it; more move on at once"
    )


class PartialBreaker(Section):
    """Overrides of `breaker` for one provider, model or route."""

    failure_threshold: int | None = Field(None, ge=1, le=1000)
    recovery_timeout_s: Seconds | None = None
    half_open_probes: int | None = Field(None, ge=1, le=100)


class PartialTimeouts(Section):
    """Overrides of `timeouts` for one provider, model or route."""

    connect_s: Seconds | None = None
    headers_s: Seconds | None = None
    first_token_s: Seconds | None = None
    idle_s: Seconds | None = None
    total_s: Seconds | None = None
    min_tokens_per_s: TokensPerSecond | None = None
    rate_window_s: Seconds | None = None
    drain_s: Seconds | None = None


class PartialLimits(Section):
    """Overrides of `limits` for one provider, model or route."""

    response_body_bytes: int | None = Field(None, ge=1024)
    event_bytes: int | None = Field(None, ge=1024)
    drain_bytes: int | None = Field(None, ge=0)
    concurrent_requests: Concurrency | None = None
    queue_s: Seconds | None = None
    queued_requests: int | None = Field(None, ge=0, le=100_000)


class Overrides(Section):
    """What a provider, a model and a route may each set for themselves."""

    breaker: PartialBreaker = Field(PartialBreaker(), description="overrides of `breaker`")
    timeouts: PartialTimeouts = Field(PartialTimeouts(), description="overrides of `timeouts`")
    limits: PartialLimits = Field(PartialLimits(), description="overrides of `limits`")


class AccountConfig(Section):
    """One more credential at a provider."""

    api_key_env: str = Field(description="the environment variable that holds the key")


class ProviderConfig(Overrides):
    """A place that serves models; a compatible one is these few lines of data."""

    dialect: DialectName = Field("openai", description="the wire format that it speaks")
    base_url: BaseUrl = Field(description="up to and including /v1 or its like")
    api_key_env: str | None = Field(
        None, description="the environment variable that holds its key; none: no key is sent"
    )
    base_url_env: str | None = Field(
        None, description="an environment variable that, when set, replaces base_url"
    )
    key_optional: bool = Field(False, description="usable without its key")
    accounts: dict[RouteName, AccountConfig] = Field(
        default_factory=dict, description="further credentials by name"
    )
    models: list[str] = Field(
        default_factory=list, description="model ids that it is known to serve, for /v1/models"
    )
    quirks: list[Quirk] = Field(
        default_factory=list, description="what it does differently from its dialect"
    )
    describes_models: bool = Field(
        False,
        description="it can be asked what its models can do (as OpenRouter and Ollama can), and is "
        "asked every hour",
    )
    on_disconnect: Literal["cancel", "drain"] = Field(
        "cancel",
        description="when the client leaves: stop the provider, or read its reply to the end, so "
        "that its usage is known exactly",
    )
    ca_file: str | None = Field(None, description="a PEM file with the authorities to trust")

    @model_validator(mode="before")
    @classmethod
    def _ollamas_root(cls, values: Any) -> Any:
        # People know Ollama's compatible address, which ends in /v1; its own API has no version.
        if isinstance(values, Mapping) and values.get("dialect") == "ollama":
            return {**values, "base_url": native_root(values.get("base_url"))}
        return values


class RouteConfig(Overrides):
    """An ordered list of models with a strategy."""

    models: list[ModelName] = Field(min_length=1, description="tried in the strategy's order")
    strategy: StrategyName = Field(
        "priority",
        description="the order: as listed, by the price of a million tokens in and out, or evenly "
        "spread",
    )
    description: str = Field("", description="what it is for, in a sentence")
    hedge_after_ms: Annotated[int, Field(ge=1, le=600_000)] | Literal["p95"] | None = Field(
        None,
        description="ask the next model, too, when the first has given no token for so long, or "
        "for as long as 19 of 20 of its answers took in the last day (`p95`); the first token wins",
    )


class CategoryConfig(RouteConfig):
    """A route that the classifier may choose."""

    keywords: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(
        default_factory=list, description="words and phrases that speak for it"
    )
    examples: list[str] = Field(
        default_factory=list, description="messages that belong to it", max_length=50
    )


class ModelConfig(Overrides):
    """What is known of a model; unknown (null) refuses nothing."""

    context_tokens: int | None = Field(None, ge=1, description="the context window")
    max_output_tokens: int | None = Field(None, ge=1, description="the longest answer")
    tools: bool | None = Field(None, description="whether it can call tools")
    vision: bool | None = Field(None, description="whether it can see images")
    audio: bool | None = Field(None, description="whether it can hear or speak")
    json_schema: bool | None = Field(
        None, description="whether it keeps to a JSON schema (`response_format`)"
    )


class PriceConfig(Section):
    """Price in US dollars per million tokens (searches and requests: each)."""

    input_usd_per_mtok: UsdPerMtok | None = Field(None, description="input")
    output_usd_per_mtok: UsdPerMtok | None = Field(None, description="output")
    cache_read_usd_per_mtok: UsdPerMtok | None = Field(
        None, description="input that comes from a cache; not given: the price of input"
    )
    cache_write_usd_per_mtok: UsdPerMtok | None = Field(
        None, description="input that goes to a cache; not given: the price of input"
    )
    reasoning_usd_per_mtok: UsdPerMtok | None = Field(
        None, description="output that is reasoning; not given: the price of output"
    )
    cache_write_1h_usd_per_mtok: UsdPerMtok | None = Field(
        None, description="input that goes to a cache for an hour; not given: not known"
    )
    input_audio_usd_per_mtok: UsdPerMtok | None = Field(
        None, description="input that is sound; not given: not known"
    )
    input_image_usd_per_mtok: UsdPerMtok | None = Field(
        None,
        description="input that is pictures, where counted apart; not given: the price of input",
    )
    output_audio_usd_per_mtok: UsdPerMtok | None = Field(
        None, description="output that is sound; not given: not known"
    )
    output_image_usd_per_mtok: UsdPerMtok | None = Field(
        None, description="output that is pictures; not given: not known"
    )
    web_search_usd: UsdPerMtok | None = Field(
        None, description="one search that the provider made; not given: not known"
    )
    request_usd: UsdPerMtok | None = Field(
        None, description="each request, beside its tokens; not given: nothing"
    )
    source: str | None = Field(None, description="where the price was read, and when")


class RouterConfig(Section):
    """The whole document."""

    routing: RoutingConfig = RoutingConfig()
    providers: dict[RouteName, ProviderConfig] = Field(default_factory=dict)
    categories: dict[RouteName, CategoryConfig] = Field(default_factory=dict)
    combos: dict[RouteName, RouteConfig] = Field(default_factory=dict)
    aliases: dict[ModelName, ModelName] = Field(
        default_factory=dict,
        description="what a name, or a pattern with `*` and `?`, stands for; a `*` in its target "
        "takes what the pattern's `*` matched",
    )
    models: dict[ModelName, ModelConfig] = Field(default_factory=dict)
    prices: dict[ModelName, PriceConfig] = Field(default_factory=dict)
    breaker: BreakerConfig = BreakerConfig()
    timeouts: TimeoutsConfig = TimeoutsConfig()
    retries: RetriesConfig = RetriesConfig()
    limits: LimitsConfig = LimitsConfig()


def read_document(document: Mapping[str, Any], *, source: str = "configuration") -> RouterConfig:
    """The document as a configuration.

    Raises `ConfigurationInvalid` with every fault: the key's path, and for an unknown key the
    nearest one that exists.
    """
    try:
        return RouterConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigurationInvalid(
            [_field_error(details) for details in error.errors(include_url=False)], source=source
        ) from None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _field_error(details: ErrorDetails) -> FieldError:
    path = [str(step) for step in details["loc"] if step != "[key]"]
    where = ".".join(path)
    if details["type"] == "extra_forbidden":
        known = sorted(_keys_at(RouterConfig, path[:-1]))
        guess = nearest(path[-1], known)
        hint = f"did you mean `{guess}`?" if guess else f"known keys: {', '.join(known)}"
        return FieldError(where, f"unknown key; {hint}")
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "string_pattern_mismatch":
        message = "use lower-case letters, digits, `_`, `-` and `.`, at most 64 characters"
    return FieldError(where, message[:1].lower() + message[1:])


def _keys_at(model: type[BaseModel], path: list[str]) -> set[str]:
    """The keys that exist at a path, walking through mappings by their value's type."""
    if not path:
        return set(model.model_fields)
    step, rest = path[0], path[1:]
    if step not in model.model_fields:
        return set()
    annotation = model.model_fields[step].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _keys_at(annotation, rest)
    for argument in get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return _keys_at(argument, rest[1:])
    return set()
