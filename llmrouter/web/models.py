"""The names that a client may send, in the shape of the dialect that asks for them."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request

from llmrouter import __version__
from llmrouter.core.errors import NotFound
from llmrouter.core.routing import Target
from llmrouter.dialects.anthropic import models as anthropic
from llmrouter.dialects.gemini import models as gemini
from llmrouter.dialects.ollama import models as ollama
from llmrouter.policy.table import ListedModel
from llmrouter.web.bodies import document_body
from llmrouter.web.services import services

blueprint = Blueprint("models", __name__)


@blueprint.get("/models")
async def list_models() -> dict[str, Any]:
    """Every name: in Google's shape for its key header, in Anthropic's for its version header, in
    OpenAI's otherwise."""
    if "x-goog-api-key" in request.headers:
        return await list_gemini_models()
    listed = _listed()
    if "anthropic-version" in request.headers:
        return anthropic.models_document([model.id for model in listed], _modified_s())
    return {"object": "list", "data": [_shown(model) for model in listed]}


@blueprint.get("/models/<path:name>")
async def get_model(name: str) -> dict[str, Any]:
    """One name, in the same shapes."""
    model = _find(name)
    if "x-goog-api-key" in request.headers:
        return gemini.model_document(model.id, input_token_limit=model.context_tokens)
    if "anthropic-version" in request.headers:
        return anthropic.model_document(model.id, _modified_s())
    return _shown(model)


@blueprint.get("/v1beta/models")
async def list_gemini_models() -> dict[str, Any]:
    """A page of names, in Google's shape."""
    page_size = request.args.get("pageSize", "")
    return gemini.models_document(
        [gemini.model_document(m.id, input_token_limit=m.context_tokens) for m in _listed()],
        page_size=int(page_size) if page_size.isdecimal() else None,
        page_token=request.args.get("pageToken"),
    )


@blueprint.get("/v1beta/models/<path:name>")
async def get_gemini_model(name: str) -> dict[str, Any]:
    """One name, in Google's shape."""
    model = _find(name)
    return gemini.model_document(model.id, input_token_limit=model.context_tokens)


@blueprint.get("/api/tags")
async def list_ollama_models() -> dict[str, Any]:
    """Every name, in Ollama's shape."""
    return ollama.tags_document([model.id for model in _listed()], _modified_s())


@blueprint.post("/api/show")
async def show_ollama_model() -> dict[str, Any]:
    """What is known of one name, in Ollama's shape."""
    document = await document_body()
    model = _find(str(document.get("model") or document.get("name") or ""))
    provider, _, model_id = model.id.partition("/")
    facts = services().configuration.table.model(Target(provider, model_id))
    return ollama.show_document(
        modified_s=_modified_s(),
        context_tokens=facts.context_tokens,
        tools=facts.tools,
        vision=facts.vision,
    )


@blueprint.get("/api/ps")
async def running_ollama_models() -> dict[str, Any]:
    """Ollama's list of loaded models."""
    return ollama.running_document()


@blueprint.get("/api/version")
async def ollama_version() -> dict[str, Any]:
    """Our version, where Ollama's clients look for theirs."""
    return ollama.version_document(__version__)


def _listed() -> tuple[ListedModel, ...]:
    return services().configuration.table.models_listed()


def _find(name: str) -> ListedModel:
    plain = name.removeprefix("models/").removesuffix(":latest")
    for model in _listed():
        if model.id == plain:
            return model
    raise NotFound(
        f"There is no model called `{plain[:200]}`; GET /v1/models lists all names.",
        code="model_not_found",
        param="model",
    )


def _modified_s() -> int:
    """When the names last changed: with the running configuration."""
    return services().configuration.version.created_us // 1_000_000


def _shown(model: ListedModel) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": model.id,
        "object": "model",
        "created": _modified_s(),
        "owned_by": model.owned_by,
    }
    if model.context_tokens is not None:
        shown["context_length"] = model.context_tokens
    return shown
