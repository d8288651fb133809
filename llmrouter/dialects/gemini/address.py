"""What stands in the URL of a Gemini request: the model, the operation, the form of a stream."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

from llmrouter.core.records import Record
from llmrouter.dialects.wire import RequestAddress

Operation = Literal["generateContent", "streamGenerateContent", "countTokens"]

StreamForm = Literal["sse", "array"]
"""Server-sent events (``alt=sse``), or one JSON array that grows."""

_METHOD = re.compile(
    r"/(?P<collection>models|tunedModels)/(?P<model>.+)"
    r":(?P<operation>generateContent|streamGenerateContent|countTokens)/?$"
)


class GeminiAddress(Record):
    """An address of the API, read."""

    model: str
    operation: Operation
    form: StreamForm


def read_address(address: RequestAddress) -> GeminiAddress | None:
    """The address' meaning, whatever version stands before it; None when it is another one's."""
    found = _METHOD.search(address.path)
    if found is None:
        return None
    model = found["model"]
    if found["collection"] != "models":
        model = f"{found['collection']}/{model}"
    operation: Operation
    match found["operation"]:
        case "generateContent":
            operation = "generateContent"
        case "streamGenerateContent":
            operation = "streamGenerateContent"
        case _:
            operation = "countTokens"
    form: StreamForm = "sse" if address.query.get("alt") == "sse" else "array"
    return GeminiAddress(model, operation, form)


def method_path(model: str, operation: Operation) -> str:
    """Where a provider is asked, below a base URL that ends with the version (``/v1beta``).

    Nothing in a model's name leads out of its place in the path.
    """
    name = model.removeprefix("models/")
    collection = "models"
    if name.startswith("tunedModels/"):
        collection, name = "tunedModels", name.removeprefix("tunedModels/")
    path = f"/{collection}/{quote(name, safe='')}:{operation}"
    return f"{path}?alt=sse" if operation == "streamGenerateContent" else path
