"""The request for a compatible provider: the client's own document, with another model's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from llmrouter.core.chat.losses import Losses
from llmrouter.core.configuration import Quirk
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.openai.messages import adapted_messages, hold_reasoning
from llmrouter.dialects.wire import OutgoingRequest

PATH = "/chat/completions"

_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"content-type": "application/json", "accept": "application/json"}
)

CLIENT_LIBRARY_FIELDS = frozenset(
    {"api_base", "base_url", "api_key", "extra_headers", "user_config"}
)
"""Arguments of client libraries that sometimes end up in the body.  Routers have been talked into
sending their keys elsewhere by them, and a provider has no business with them."""


def encode(request: ChatRequest, model: str, quirks: Sequence[Quirk] = ()) -> OutgoingRequest:
    """The request for the provider's ``model``; every field that it can take passes."""
    document = {**request.document, "model": model}
    for name in CLIENT_LIBRARY_FIELDS.intersection(document):
        del document[name]
    if request.stream and "no_stream_options" not in quirks:
        options = document.get("stream_options") or {}
        document["stream_options"] = {**options, "include_usage": True}
    if not quirks and not hold_reasoning(document["messages"]):
        return OutgoingRequest(PATH, _HEADERS, write_document(document))
    losses = Losses()
    adapted = _minding(document, quirks, losses)
    return OutgoingRequest(
        PATH, _HEADERS, write_document(adapted), losses=losses.fields, notes=losses.notes
    )


def _minding(document: dict[str, Any], quirks: Sequence[Quirk], losses: Losses) -> dict[str, Any]:
    """The document with nothing in it that the provider is known to refuse."""
    if "no_stream_options" in quirks and document.pop("stream_options", None):
        losses.drop("stream_options", "this provider takes none")
    if "max_tokens_only" in quirks:
        document = _renamed_limit(document, "max_completion_tokens", "max_tokens")
    elif "no_max_tokens" in quirks:
        document = _renamed_limit(document, "max_tokens", "max_completion_tokens")
    document["messages"] = adapted_messages(document["messages"], quirks, losses)
    return document


def _renamed_limit(document: dict[str, Any], refused: str, taken: str) -> dict[str, Any]:
    """The limit under the name that the provider takes, in the place where it stood; where both
    names are given, the newer one (``max_completion_tokens``) counts."""
    if document.get(refused) is None:
        return document
    if refused == "max_tokens" and document.get(taken) is not None:
        return {name: value for name, value in document.items() if name != refused}
    return {
        taken if name == refused else name: value
        for name, value in document.items()
        if name != taken
    }
