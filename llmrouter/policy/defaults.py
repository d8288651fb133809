"""The built-in configuration, and a person's document laid over it.

A person writes only what differs.  Their document is laid over the built-in one key by key:

- mappings are merged, whatever else is given replaces what stood there; so does a list;
- an entry that is null (``"reasoning": null`` under ``categories``) removes the built-in entry of
  that name; null inside an entry is a value, "not known", and so is a price that is null.

``ROUTING_MODE`` of the environment counts only where the document says nothing of
``routing.mode``: the document is versioned and replayed, the environment is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from llmrouter.core.base_urls import BaseUrl, native_root
from llmrouter.core.configuration import (
    ProviderConfig,
    RouterConfig,
    nearest,
    read_document,
)
from llmrouter.core.errors import ConfigurationInvalid, FieldError
from llmrouter.core.records import Record
from llmrouter.core.routing import DialectName, Mode
from llmrouter.policy.keywords import load_weights
from llmrouter.policy.references import check_references
from llmrouter.policy.seeds import as_document

_NAMED_ENTRIES: Final = frozenset(
    {"providers", "categories", "combos", "aliases", "models", "prices"}
)
"""Sections whose entries have names of their own and can be removed."""

_WHOLE_ENTRIES: Final = frozenset({"prices"})
"""Sections whose entries are replaced, never merged: half a price would keep another's source."""

_NEEDED: Final = {"providers": "base_url", "categories": "models", "combos": "models"}
"""What an entry cannot do without."""


class Change(Record):
    """One difference between two documents; None stands for "not there"."""

    path: str
    before: Any
    after: Any


def built_in_document() -> dict[str, Any]:
    """What an empty document means.  Reads the package's data: call it once and keep it."""
    routes = _data("routes")
    weights = load_weights()
    categories = {
        name: {**category, "keywords": list(weights.keywords(name))}
        for name, category in routes["categories"].items()
    }
    return {
        "providers": _data("providers"),
        "categories": categories,
        "aliases": routes["aliases"],
        "models": _data("models"),
    }


def merge(built_in: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The document laid over the built-in one; neither is changed."""
    merged = dict(built_in)
    for section, given in document.items():
        if section in _NAMED_ENTRIES and isinstance(given, Mapping):
            merged[section] = _laid_over(merged.get(section) or {}, given, section)
        else:
            merged[section] = _merged(merged.get(section), given)
    return merged


def effective(
    document: Mapping[str, Any],
    *,
    built_in: Mapping[str, Any] | None = None,
    environment_mode: Mode | None = None,
    source: str = "configuration",
) -> RouterConfig:
    """The whole configuration that a person's document means.

    Raises `ConfigurationInvalid` with every key that is unknown or wrong.
    """
    merged = merge(built_in if built_in is not None else built_in_document(), document)
    routing = merged.get("routing", {})
    if environment_mode is not None and isinstance(routing, Mapping) and "mode" not in routing:
        merged["routing"] = {**routing, "mode": environment_mode}
    try:
        return read_document(merged, source=source)
    except ConfigurationInvalid as error:
        meant = _entries_meant(merged)
        faults = [meant.get(fault.field, fault) for fault in error.errors]
        raise ConfigurationInvalid(faults, source=source) from None


def load_document(
    document: Mapping[str, Any],
    *,
    source: str,
    dialects: Collection[DialectName],
    built_in: Mapping[str, Any] | None = None,
    environment_mode: Mode | None = None,
) -> RouterConfig:
    """A person's document, in either form, as a configuration that can run.

    ``dialects`` are those that a codec speaks.  Raises `ConfigurationInvalid`: with every unknown
    or wrong key, or, once the document can be read, with every name in it that leads nowhere.
    """
    config = effective(
        as_document(document, source=source),
        built_in=built_in,
        environment_mode=environment_mode,
        source=source,
    )
    errors = check_references(config, dialects=dialects)
    if errors:
        raise ConfigurationInvalid(errors, source=source)
    return config


def with_addresses(config: RouterConfig, lookup: Callable[[str], str | None]) -> RouterConfig:
    """The configuration with the addresses that the environment gives (``base_url_env``).

    An address without a path keeps the path of the one it replaces; Ollama's may be given with
    the ``/v1`` of its compatible API, too.  ``lookup`` gives a variable's value or None.
    Raises `ConfigurationInvalid` naming the variable that holds no address.
    """
    errors: list[FieldError] = []
    providers: dict[str, ProviderConfig] = {}
    for name, provider in config.providers.items():
        value = lookup(provider.base_url_env) if provider.base_url_env else None
        if provider.base_url_env is None or value is None:
            providers[name] = provider
            continue
        try:
            address = TypeAdapter[str](BaseUrl).validate_python(value.strip())
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            errors.append(FieldError(provider.base_url_env, reason))
            continue
        if not urlsplit(address).path:
            address += urlsplit(provider.base_url).path
        if provider.dialect == "ollama":
            address = native_root(address)
        providers[name] = provider.model_copy(update={"base_url": address})
    if errors:
        raise ConfigurationInvalid(errors, source="environment")
    return config.model_copy(update={"providers": providers})


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What changed from one document to another, value by value."""
    return list(_changes(old, new, ""))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        where = f"{path}.{key}" if path else key
        before, after = old.get(key), new.get(key)
        parts = [side for side in (before, after) if side is not None]
        if parts and all(isinstance(part, Mapping) and part for part in parts):
            yield from _changes(before or {}, after or {}, where)
        elif before != after or isinstance(before, bool) is not isinstance(after, bool):
            yield Change(where, before, after)


def _entries_meant(document: Mapping[str, Any]) -> dict[str, FieldError]:
    """For each entry without what it needs, and with a name much like another's: the name was
    probably misspelt."""
    meant = {}
    for section, needed in _NEEDED.items():
        entries = document.get(section)
        if not isinstance(entries, Mapping):
            continue
        whole = [name for name, e in entries.items() if isinstance(e, Mapping) and needed in e]
        for name, entry in entries.items():
            guess = nearest(name, whole)
            if guess is not None and isinstance(entry, Mapping) and needed not in entry:
                field = f"{section}.{name}.{needed}"
                meant[field] = FieldError(field, f"is missing; did you mean `{section}.{guess}`?")
    return meant


def _laid_over(below: Mapping[str, Any], given: Mapping[str, Any], section: str) -> dict[str, Any]:
    merged = dict(below)
    for name, entry in given.items():
        if entry is None:
            merged.pop(name, None)
        elif section in _WHOLE_ENTRIES:
            merged[name] = entry
        else:
            merged[name] = _merged(merged.get(name), entry)
    return merged


def _merged(below: Any, given: Any) -> Any:
    if not isinstance(below, Mapping) or not isinstance(given, Mapping):
        return given
    return {**below, **{key: _merged(below.get(key), value) for key, value in given.items()}}


def _data(name: str) -> dict[str, Any]:
    file = resources.files("llmrouter.policy") / "data" / f"{name}.json"
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document
