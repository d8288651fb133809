"""``POST /translate``: a request in any dialect as any other, with what is lost; nothing is
called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from quart import Blueprint

from llmrouter.core.chat.losses import translation_header
from llmrouter.core.routing import DialectName
from llmrouter.dialects.registry import codec
from llmrouter.dialects.wire import AddressedDialect, Dialect, RequestAddress
from llmrouter.web.bodies import model_body
from llmrouter.web.services import services

blueprint = Blueprint("translate", __name__)


class Translation(BaseModel):
    """What is to be translated.

    ``path`` is where the client would have sent it; Gemini and Ollama say the model, the
    operation and the stream there.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    source: DialectName = Field(alias="from")
    target: DialectName = Field(alias="to")
    request: dict[str, Any]
    model: str | None = Field(None, description="the model to write for")
    path: str | None = None


DEFAULT_PATHS: Mapping[DialectName, str] = {
    "gemini": "/v1beta/models/model:generateContent",
    "ollama": "/api/chat",
}


@blueprint.post("/translate")
async def translate() -> dict[str, Any]:
    """The request in the other dialect, and field by field what that dialect cannot say."""
    wanted = await model_body(Translation)
    dialect = _at(services().dialects[wanted.source], wanted)
    request = dialect.parse(orjson.dumps(wanted.request))
    outgoing = codec(wanted.source, wanted.target).encode(
        request, wanted.model or request.model or "model"
    )
    return {
        "from": wanted.source,
        "to": wanted.target,
        "path": outgoing.path,
        "request": orjson.loads(outgoing.body),
        "translation": translation_header(
            native=wanted.source == wanted.target, dropped=outgoing.losses
        ),
        "dropped": list(outgoing.losses),
        "notes": list(outgoing.notes),
    }


def _at(dialect: Dialect, wanted: Translation) -> Dialect:
    if not isinstance(dialect, AddressedDialect):
        return dialect
    path, _, query = (wanted.path or DEFAULT_PATHS[wanted.source]).partition("?")
    parameters = dict(part.partition("=")[::2] for part in query.split("&") if part)
    return dialect.at(RequestAddress(path, parameters))
