"""The Quart application: everything that is not a chat request."""

from __future__ import annotations

from typing import Any

import orjson
from quart import Quart, Response, request
from quart.json.provider import JSONProvider
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchPath

from llmrouter.core.errors import (
    ConfigurationInvalid,
    FieldError,
    InvalidRequest,
    NotFound,
    RouterError,
)
from llmrouter.core.records import plain
from llmrouter.web import (
    breakers,
    configuration,
    explain,
    feedback,
    health,
    metrics,
    models,
    prices,
    providers,
    replays,
    requests,
    translate,
)
from llmrouter.web.bodies import MAX_ADMIN_BODY_BYTES
from llmrouter.web.endpoints import find_endpoint
from llmrouter.web.services import EXTENSION, Services

BLUEPRINTS = (
    health.blueprint,
    models.blueprint,
    metrics.blueprint,
    requests.blueprint,
    feedback.blueprint,
    providers.blueprint,
    breakers.blueprint,
    configuration.blueprint,
    prices.blueprint,
    explain.blueprint,
    replays.blueprint,
    translate.blueprint,
)

BODY_LIMIT_BYTES = 64 * 2**20
"""Quart's own limit, out of the way: the endpoints have limits of theirs, with better errors."""


class OrjsonProvider(JSONProvider):
    """JSON by orjson, keys in the order they were put in; records are objects of their members."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj, plain, orjson.OPT_APPEND_NEWLINE).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)


class Application(Quart):
    """Quart with our JSON."""

    json_provider_class = OrjsonProvider


def build_app(parts: Services) -> Quart:
    """The application with every blueprint; errors are JSON in OpenAI's shape."""
    app = Application("llmrouter", static_folder=None)
    app.extensions[EXTENSION] = parts
    app.config["MAX_CONTENT_LENGTH"] = max(BODY_LIMIT_BYTES, MAX_ADMIN_BODY_BYTES)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(RouterError, _router_error)
    app.register_error_handler(ConfigurationInvalid, _configuration_invalid)
    app.register_error_handler(HTTPException, _http_error)
    return app


async def _router_error(error: RouterError) -> Response:
    body = {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
            **error.details(),
        }
    }
    return Response(
        orjson.dumps(body), error.status, dict(error.headers), content_type="application/json"
    )


async def _configuration_invalid(error: ConfigurationInvalid) -> Response:
    faults = [FieldError(fault.field, fault.message) for fault in error.errors]
    return await _router_error(InvalidRequest(faults, code=error.code))


async def _http_error(error: HTTPException) -> Response:
    if isinstance(error, NoSuchPath) and find_endpoint(request.path) is not None:
        error = MethodNotAllowed(["POST"], "This path answers to POST alone; docs/api.md has it.")
    status = error.code or 500
    if status == 404:
        return await _router_error(
            NotFound("There is nothing at this path; docs/api.md lists every endpoint.")
        )
    refusal = RouterError(
        error.description or error.name, code=error.name.lower().replace(" ", "_")
    )
    refusal.status = status
    if status < 500:
        refusal.type = "invalid_request_error"
    reply = await _router_error(refusal)
    if isinstance(error, MethodNotAllowed):
        reply.headers["allow"] = ", ".join(error.valid_methods or ())
    return reply
