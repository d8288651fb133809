"""Reading the JSON bodies of the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from quart import request

from llmrouter.core.errors import BodyTooLarge, FieldError, InvalidRequest, MalformedRequest

MAX_ADMIN_BODY_BYTES = 4 * 2**20
"""A configuration document is a few kilobytes; this leaves room for thousands of models."""

Model = TypeVar("Model", bound=BaseModel)


async def raw_body(limit_bytes: int = MAX_ADMIN_BODY_BYTES) -> bytes:
    """The request's body.  Raises `BodyTooLarge`."""
    declared = request.content_length
    if declared is not None and declared > limit_bytes:
        raise BodyTooLarge(f"the request body is larger than {limit_bytes} bytes")
    body: bytes = await request.get_data(cache=False)  # type: ignore[assignment]  # no as_text
    if len(body) > limit_bytes:
        raise BodyTooLarge(f"the request body is larger than {limit_bytes} bytes")
    return body


async def document_body() -> Mapping[str, Any]:
    """The body as a JSON object.  Raises `MalformedRequest`."""
    try:
        document = orjson.loads(await raw_body())
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"the body is no JSON: {error}", code="invalid_json") from None
    if not isinstance(document, dict):
        raise MalformedRequest("the body must be a JSON object", code="not_an_object")
    return document


async def model_body(shape: type[Model]) -> Model:
    """The body as a model.  Raises `MalformedRequest`, or `InvalidRequest` with every fault."""
    document = await document_body()
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        raise InvalidRequest(
            [
                FieldError(".".join(map(str, fault["loc"])) or "body", fault["msg"])
                for fault in error.errors(include_url=False)
            ]
        ) from None
