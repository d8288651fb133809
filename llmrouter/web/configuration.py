"""``/config``: the running configuration, its versions, and changes to it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from quart import Blueprint, request

from llmrouter.core.configuration import BUILT_IN_CATEGORIES, RouteName, StrategyName
from llmrouter.core.errors import Conflict, NotFound
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.policy.seeds import is_seeds, laid_over, seeds_view, without_listed
from llmrouter.web.bodies import document_body, model_body
from llmrouter.web.parameters import whole_number
from llmrouter.web.services import Services, require_category, services

blueprint = Blueprint("configuration", __name__, url_prefix="/config")

AUTHOR = "api"
PAGE = 100
MAX_VERSION = 2**31 - 1
"""What the ledger's column holds."""


class CategoryChange(BaseModel):
    """A new category, or new values for one that exists."""

    model_config = ConfigDict(extra="forbid")

    name: RouteName
    models: list[str] = Field(min_length=1)
    keywords: list[str] | None = None
    description: str | None = None
    strategy: StrategyName | None = None
    examples: list[str] | None = None


class ModelMapping(BaseModel):
    """New models for a category that exists."""

    model_config = ConfigDict(extra="forbid")

    category: str
    models: list[str] = Field(min_length=1)


class Rollback(BaseModel):
    """The version to return to."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=MAX_VERSION, strict=True)


@blueprint.get("")
async def show() -> dict[str, Any]:
    """The running configuration in the seeds' shape, and its version."""
    part = services()
    table = part.configuration.table
    view = seeds_view(
        table.config,
        listed=table.prices_listed(part.clock.now_us()),
        ollama_base_url=part.ollama_base_url,
        ollama_model=part.ollama_router_model,
    )
    return {**view, "version": part.configuration.version.number}


@blueprint.put("")
async def replace() -> dict[str, Any]:
    """Makes a whole document the running configuration; one in the seeds' shape, which cannot say
    everything, changes what it says."""
    document = await document_body()
    part = services()

    def change(running: Mapping[str, Any]) -> Mapping[str, Any]:
        if not is_seeds(document):
            return document
        listed = part.configuration.table.prices_listed(part.clock.now_us())
        said = without_listed(document, running, listed)
        return laid_over(running, said, source=AUTHOR)

    version = await part.configuration.edit(change, author=AUTHOR, note=request.args.get("note"))
    return {"status": "ok", "version": version.number}


@blueprint.get("/versions")
async def versions() -> dict[str, Any]:
    """The versions, newest first; ``before`` and ``limit`` page through them."""
    before = whole_number("before", 0, maximum=MAX_VERSION) or None
    limit = whole_number("limit", PAGE, maximum=1000)
    listed = await services().versions.list(before=before, limit=limit)
    return {"versions": [_summary(version) for version in listed]}


@blueprint.get("/versions/<int:number>")
async def version(number: int) -> dict[str, Any]:
    """One version with its document."""
    found = await services().versions.get(number) if number <= MAX_VERSION else None
    if found is None:
        raise NotFound(f"there is no configuration version {number}", code="version_not_found")
    return {**_summary(found), "document": found.document}


@blueprint.post("/rollback")
async def rollback() -> dict[str, Any]:
    """Makes an earlier version's document the newest one."""
    wanted = await model_body(Rollback)
    made = await services().configuration.rollback(wanted.version, author=AUTHOR)
    return {"status": "ok", "version": made.number, "restored": wanted.version}


@blueprint.post("/category")
async def set_category() -> dict[str, Any]:
    """Adds a category, or changes what is given of one that exists."""
    change = await model_body(CategoryChange)
    values = change.model_dump(exclude={"name"}, exclude_none=True)
    return await _set_category(services(), change.name, values)


@blueprint.post("/model-mapping")
async def set_models() -> dict[str, Any]:
    """Gives a category that exists other models."""
    change = await model_body(ModelMapping)
    part = services()
    require_category(part, change.category)
    return await _set_category(part, change.category, {"models": change.models})


@blueprint.delete("/category/<name>")
async def remove_category(name: str) -> dict[str, Any]:
    """Removes a category that somebody added."""
    part = services()
    if name in BUILT_IN_CATEGORIES:
        raise Conflict(f"`{name}` is built in and cannot be removed", code="built_in_category")
    require_category(part, name)

    def without(document: Mapping[str, Any]) -> Mapping[str, Any]:
        changed = copy.deepcopy(dict(document))
        changed.get("categories", {}).pop(name, None)
        return changed

    made = await part.configuration.edit(without, author=AUTHOR, note=f"removed category {name}")
    return {"status": "ok", "category": name, "version": made.number}


async def _set_category(part: Services, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    def with_category(document: Mapping[str, Any]) -> Mapping[str, Any]:
        changed = copy.deepcopy(dict(document))
        categories = changed.setdefault("categories", {})
        categories[name] = {**categories.get(name, {}), **values}
        return changed

    made = await part.configuration.edit(with_category, author=AUTHOR, note=f"category {name}")
    models = part.configuration.table.config.categories[name].models
    return {"status": "ok", "category": name, "models": models, "version": made.number}


def _summary(version: ConfigurationVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "parent": version.parent,
        "author": version.author,
        "note": version.note,
        "created_us": version.created_us,
        "sha256": version.sha256,
        "running": version.number == services().configuration.version.number,
    }
