"""The flat ``router_config.json`` of the routers this one grew from, read and shown.

    {"model_mappings": {"code": ["kimi-k2.5"]}, "keywords": {"code": ["python"]},
     "model_costs": {"glm-5": {"input": 1.0, "output": 3.2}}, "routing_mode": "keywords"}

It means the same as the document with `categories`, `prices` and `routing.mode`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Any, Final, get_args

from llmrouter.core.configuration import PriceConfig, RouterConfig, nearest
from llmrouter.core.errors import ConfigurationInvalid, FieldError
from llmrouter.core.prices import PriceCard, UnitClass
from llmrouter.core.routing import Mode
from llmrouter.core.usage import NUSD_PER_USD

FLAT_KEYS: Final = ("model_mappings", "keywords", "model_costs", "routing_mode")
SHOWN_KEYS: Final = ("ollama", "version")
"""What `GET /config` shows beside them; accepted, so that what was shown can be sent back."""

_INSTEAD: Final = {
    "model_mappings": "categories.<name>.models",
    "keywords": "categories.<name>.keywords",
    "model_costs": "prices",
    "routing_mode": "routing.mode",
    "ollama": "the variables OLLAMA_BASE_URL and OLLAMA_ROUTER_MODEL",
}

_PRICE_OF: Final = {
    "input": "input_usd_per_mtok",
    "prompt": "input_usd_per_mtok",
    "output": "output_usd_per_mtok",
    "completion": "output_usd_per_mtok",
    "cache_read": "cache_read_usd_per_mtok",
    "cache_write": "cache_write_usd_per_mtok",
    "reasoning": "reasoning_usd_per_mtok",
}
_SHOWN_PRICES: Final = {
    name: member for name, member in _PRICE_OF.items() if name not in ("prompt", "completion")
}
_TOKENS_OF: Final = {
    "": 1_000_000,
    "_per_million": 1_000_000,
    "_per_million_tokens": 1_000_000,
    "_per_1m": 1_000_000,
    "_per_1m_tokens": 1_000_000,
    "_per_mtok": 1_000_000,
    "_per_1k": 1_000,
    "_per_1k_tokens": 1_000,
    "_per_token": 1,
}
_SOURCE: Final = "router_config.json"


def parse_text(text: str, source: str) -> dict[str, Any]:
    """A configuration file's text as a document.

    Raises `ConfigurationInvalid` with line and column of what is no JSON, and for a key that
    stands twice in one object, a number that JSON does not know, or anything but an object.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise _invalid(source, "file", "is empty; `{}` is the built-in configuration")
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _invalid(source, where, f"{error.msg[:1].lower()}{error.msg[1:]}") from None
    except _Unacceptable as error:
        raise _invalid(source, error.field, error.message) from None
    except RecursionError:
        raise _invalid(source, "file", "is nested too deeply") from None
    except ValueError:
        # what is left of the parser's own errors: Python's bound on the digits of a number
        raise _invalid(source, "file", "holds a number with thousands of digits") from None
    if not isinstance(document, dict):
        raise _invalid(source, "file", "must hold an object: { … }")
    return document


def is_seeds(document: Mapping[str, Any]) -> bool:
    """Whether this is the flat form, slips of the pen included."""
    flat, nested = {*FLAT_KEYS, *SHOWN_KEYS}, set(RouterConfig.model_fields)
    if not document or document.keys() & nested:
        return False
    return any(nearest(key, (*flat, *nested)) in flat for key in document)


def as_document(document: Mapping[str, Any], *, source: str = "configuration") -> Mapping[str, Any]:
    """The document, out of whichever of the two forms it came in.

    Raises `ConfigurationInvalid` for a faulty flat form, or for a mixture of both.
    """
    if is_seeds(document):
        return normalise(document, source=source)
    strays = [
        FieldError(key, f"belongs to the flat form; here it is {_INSTEAD[key]}")
        for key in document.keys() & _INSTEAD.keys()
    ]
    if strays:
        raise ConfigurationInvalid(sorted(strays, key=lambda e: e.field), source=source)
    return document


def normalise(document: Mapping[str, Any], *, source: str = "configuration") -> dict[str, Any]:
    """The document that a flat one means.

    Raises `ConfigurationInvalid` with every key that is unknown, naming the nearest, or wrong.
    """
    errors = list(_flat_errors(document))
    prices: dict[str, Any] = {}
    for model, cost in _entries(document, "model_costs"):
        price = _price(cost, f"model_costs.{model}", errors)
        if price:
            prices[model] = {**price, "source": _SOURCE}
    if errors:
        raise ConfigurationInvalid(errors, source=source)

    categories: dict[str, dict[str, Any]] = {}
    for name, models in _entries(document, "model_mappings"):
        categories.setdefault(name, {})["models"] = _listed(models)
    for name, words in _entries(document, "keywords"):
        categories.setdefault(name, {})["keywords"] = _listed(words)

    normal: dict[str, Any] = {}
    if document.get("routing_mode") is not None:
        normal["routing"] = {"mode": document["routing_mode"]}
    if categories:
        normal["categories"] = categories
    if prices:
        normal["prices"] = prices
    return normal


def laid_over(
    running: Mapping[str, Any], document: Mapping[str, Any], *, source: str = "configuration"
) -> dict[str, Any]:
    """The running document with what a flat one says; what that cannot say (providers, combos,
    aliases, limits, …) stays.

    A category that ``model_mappings`` leaves out goes.  Raises `ConfigurationInvalid`.
    """
    said = normalise(document, source=source)
    laid = {**running, **said}
    for section in ("routing", "prices"):
        if section in said:
            laid[section] = {**running.get(section, {}), **said[section]}
    if "categories" in said:
        mapped = document.get("model_mappings")
        earlier = running.get("categories", {})
        kept = {name: c for name, c in earlier.items() if mapped is None or name in mapped}
        categories = {
            name: {**kept.get(name, {}), **category}
            for name, category in said["categories"].items()
        }
        laid["categories"] = {**kept, **categories}
    return laid


def notes(document: Mapping[str, Any]) -> list[FieldError]:
    """What a flat document says that is accepted and has no effect."""
    unused = {
        "ollama": f"is ignored; use {_INSTEAD['ollama']}",
        "version": "is ignored; each change gets the next number",
    }
    return [FieldError(key, unused[key]) for key in SHOWN_KEYS if key in document]


def seeds_view(
    config: RouterConfig,
    *,
    ollama_base_url: str,
    ollama_model: str,
    listed: Mapping[str, PriceCard] | None = None,
) -> dict[str, Any]:
    """The configuration in the flat form, as `GET /config` shows it.

    ``listed`` are prices of models of which the configuration names none.
    """
    return {
        "routing_mode": config.routing.mode,
        "ollama": {"base_url": ollama_base_url, "model": ollama_model},
        "model_mappings": {name: list(c.models) for name, c in config.categories.items()},
        "keywords": {name: list(c.keywords) for name, c in config.categories.items()},
        "model_costs": {
            **{model: _card_costs(card) for model, card in (listed or {}).items()},
            **{model: _costs(price) for model, price in config.prices.items()},
        },
    }


def _costs(price: PriceConfig) -> dict[str, float]:
    amounts = {name: getattr(price, member) for name, member in _SHOWN_PRICES.items()}
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _card_costs(card: PriceCard) -> dict[str, float]:
    classes: tuple[UnitClass, ...] = ("input", "output", "cache_read", "cache_write", "reasoning")
    amounts = {name: card.nusd_per_million(name) for name in classes}
    return {name: nusd / NUSD_PER_USD for name, nusd in amounts.items() if nusd is not None}


def without_listed(
    document: Mapping[str, Any], running: Mapping[str, Any], listed: Mapping[str, PriceCard]
) -> Mapping[str, Any]:
    """A flat document without the prices that it repeats from what was shown: they are nobody's
    word, and to keep them would be to stop following what the providers charge."""
    costs = document.get("model_costs")
    if not isinstance(costs, Mapping):
        return document
    said = running.get("prices") or {}
    repeated = {
        name
        for name, card in listed.items()
        if name not in said and costs.get(name) == _card_costs(card)
    }
    kept = {name: cost for name, cost in costs.items() if name not in repeated}
    return {**document, "model_costs": kept}


def _flat_errors(document: Mapping[str, Any]) -> Iterator[FieldError]:
    known = (*FLAT_KEYS, *SHOWN_KEYS)
    for key in document:
        if key not in known:
            yield FieldError(key, f"unknown key; {_hint(key, known)}")
    for key in ("model_mappings", "keywords"):
        if not isinstance(document.get(key, {}), Mapping):
            yield FieldError(key, "must be an object: category to list")
        for name, value in _entries(document, key):
            if not isinstance(value, str | list):
                yield FieldError(f"{key}.{name}", "must be a list of texts, or one text")
    if not isinstance(document.get("model_costs", {}), Mapping):
        yield FieldError("model_costs", "must be an object: model to cost")
    mode, modes = document.get("routing_mode"), get_args(Mode)
    if mode is not None and mode not in modes:
        yield FieldError("routing_mode", f"`{mode}` is no mode; {_hint(str(mode), modes)}")


def _price(cost: Any, where: str, errors: list[FieldError]) -> dict[str, float]:
    """Prices per million tokens; what is wrong with them is added to ``errors``."""
    if _is_amount(cost):
        return {"input_usd_per_mtok": float(cost), "output_usd_per_mtok": float(cost)}
    if not isinstance(cost, Mapping):
        errors.append(
            FieldError(where, "must be US dollars per million tokens, or {input, output}")
        )
        return {}
    spellings = _spellings()
    price: dict[str, float] = {}
    for key, amount in cost.items():
        if key not in spellings:
            errors.append(
                FieldError(f"{where}.{key}", f"unknown key; {_hint(key, tuple(spellings))}")
            )
        elif _is_amount(amount):
            name, tokens = spellings[key]
            price[name] = float(Decimal(str(amount)) * 1_000_000 / tokens)
        elif amount is not None:
            errors.append(FieldError(f"{where}.{key}", "must be a number, 0 to 1000000"))
    return price


def _spellings() -> dict[str, tuple[str, int]]:
    """Every key under which a cost was seen: which price it is, and per how many tokens."""
    return {
        f"{what}{noun}{unit}": (price, tokens)
        for (what, price), noun, (unit, tokens) in product(
            _PRICE_OF.items(), ("", "_cost", "_price"), _TOKENS_OF.items()
        )
    }


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e6


def _entries(document: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    section = document.get(key)
    if isinstance(section, Mapping):
        yield from section.items()


def _listed(value: str | list[Any]) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def _hint(key: str, known: tuple[str, ...]) -> str:
    guess = nearest(key, known)
    return f"did you mean `{guess}`?" if guess else f"known: {', '.join(known[:6])}"


class _Unacceptable(Exception):
    """Something that the JSON parser reads and a configuration must not hold."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise _Unacceptable(key, "stands twice in the same object; keep one")
        document[key] = value
    return document


def _refused(constant: str) -> float:
    raise _Unacceptable("file", f"`{constant}` is no JSON number")


def _invalid(source: str, field: str, message: str) -> ConfigurationInvalid:
    return ConfigurationInvalid([FieldError(field, message)], source=source)
