"""Conversations that go on from a reply's id (``previous_response_id``), kept by the router.

`continue_from` and `keep` are the two ends of `llmrouter.dialects.wire.ContinuingDialect`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmrouter.core.clipping import clipped
from llmrouter.core.errors import NotFound
from llmrouter.core.ids import read_id
from llmrouter.core.ledger import ResponseState
from llmrouter.core.records import replace
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.documents import read_json, read_reply, write_document
from llmrouter.dialects.responses.parse import read
from llmrouter.dialects.responses.seals import Seal, read_seal, write_seal
from llmrouter.dialects.sse import EventSplitter

Item = Mapping[str, Any]

_PREFIX = "resp_"
_OUR_LENGTH = 13
_NAMELESS = ("message", "reasoning", "function_call", "custom_tool_call")
"""Items that need no id."""


def request_behind(response_id: str) -> int | None:
    """The id of the request that was answered by a reply of ours; None for a provider's reply."""
    characters = response_id.removeprefix(_PREFIX)
    if characters == response_id or len(characters) != _OUR_LENGTH:
        return None
    return read_id(f"req_{characters}")


def not_found(response_id: str) -> NotFound:
    """What a client is told of an id that nobody knows."""
    return NotFound(
        f"Previous response with id '{clipped(response_id)}' not found: it was never made here, "
        "was asked not to be stored, or is older than what is kept.",
        code="previous_response_not_found",
        param="previous_response_id",
    )


def continue_from(request: ChatRequest, chain: Sequence[ResponseState]) -> ChatRequest:
    """The request with the whole conversation in it.

    Its ``body`` stays as it came: that is what a provider gets that keeps the conversation itself.
    """
    if not chain:
        raise not_found(request.previous_response_id or "")
    earlier = [item for state in chain for item in read_json(state.items)]
    document = {n: v for n, v in request.document.items() if n != "previous_response_id"}
    known = [_without_id(item) for item in _resolved(earlier, earlier)]
    document["input"] = [*known, *_resolved(_items_of(request.document), earlier)]
    return replace(
        read(request.body, document),
        headers=request.headers,
        previous_response_id=request.previous_response_id,
        state_provider=chain[-1].provider,
        request_id=request.request_id,
    )


def keep(request: ChatRequest, last: bytes, *, provider: str) -> ResponseState | None:
    """What is to be kept of a reply; None when the client wants nothing stored.

    ``last`` is the end of what the client gets: the terminator of a stream, or the whole body.
    Both hold the whole response.  ``provider`` is the one that answered.
    """
    if request.document.get("store") is False:
        return None
    previous_id = request.previous_response_id
    match _read_response(last):
        case {"id": str(response_id), "output": [*output]} if response_id != previous_id:
            pass
        case _:
            return None
    is_ours = request_behind(response_id) is not None
    origin = f"responses:{provider}"
    answered = [kept for item in output if (kept := _lasting(item, origin)) is not None]
    # What went before is kept with the reply before.
    asked = _items_of(read_json(request.body) if previous_id else request.document)
    return ResponseState(
        response_id,
        write_document([*asked, *answered]),
        previous_id=previous_id,
        provider=None if is_ours else provider,
    )


def _items_of(document: Mapping[str, Any]) -> list[Item]:
    """The input as items."""
    value = document.get("input")
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}] if value else []
    return list(value or ())


def _without_id(item: Item) -> Item:
    """Providers look up items by their ids, and fail at those that they did not give."""
    if item.get("type", "message") not in _NAMELESS:
        return item
    return {name: value for name, value in item.items() if name != "id"}


def _resolved(items: Sequence[Item], earlier: Sequence[Item]) -> list[Item]:
    """The items without references to what stands in the conversation already."""
    known = {str(item["id"]) for item in earlier if item.get("id") and not _is_reference(item)}
    return [item for item in items if not (_is_reference(item) and str(item.get("id")) in known)]


def _is_reference(item: Item) -> bool:
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and "role" not in item)


def _lasting(item: Any, origin: str) -> Item | None:
    """An item of the output as it can be sent to any provider later.

    Reasoning is kept only where it is encrypted, and with the name of the one who encrypted it.
    """
    if not isinstance(item, dict):
        return None
    if item.get("type") != "reasoning":
        return item
    encrypted = item.get("encrypted_content")
    if not isinstance(encrypted, str) or not encrypted:
        return None
    if read_seal(encrypted) is not None:
        return item
    return {**item, "encrypted_content": write_seal(Seal(origin, "encrypted", encrypted))}


def _read_response(last: bytes) -> Any:
    """The response in a body, or in the last event of a stream."""
    if last.lstrip().startswith(b"{"):
        return read_reply(last, read_json)
    splitter = EventSplitter(len(last) + 1)
    for event in (*splitter.feed(last), *splitter.finish()):
        if event.data is not None and event.data.lstrip().startswith(b"{"):
            return read_reply(event.data, read_json).get("response")
    return None
