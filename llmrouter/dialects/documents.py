"""JSON documents in and out: strict reading, and writing that damages no number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from llmrouter.core.errors import MalformedRequest

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_CONTAINERS = frozenset({dict, list})
_NINETEEN_ZEROS = b"0" * 19
_BEFORE_A_NUMBER = b"-:, [\n\t\r"
_FEW_PLACES = 32
_WIDE_INTEGER = re.compile(rb"-[0-9]{19}|(?:^|[:, [\n\t\r])[0-9]{20}")
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")


def read_document(body: bytes, *, max_depth: int) -> dict[str, Any]:
    """A client's JSON object; of keys that come twice, the last one.

    Raises `MalformedRequest` for anything else: no JSON, no UTF-8, NaN, no object, nested deeper
    than ``max_depth``.
    """
    try:
        document = read_json(body)
    except orjson.JSONDecodeError as error:
        if not body.strip():
            raise MalformedRequest("the body is empty; send a JSON object") from None
        if "depth limit" in str(error) or "Recursion limit" in str(error):  # orjson's own is 1,024
            raise _too_deep(max_depth) from None
        raise MalformedRequest(f"the body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise MalformedRequest(f"the body is {_kind(document)}; send a JSON object")
    if is_deeper_than(max_depth, document):
        raise _too_deep(max_depth)
    return document


def read_json(data: bytes) -> Any:
    """A JSON value.  Raises `orjson.JSONDecodeError`, also beyond 1,024 levels of nesting."""
    data = data.removeprefix(_BOM)
    document = orjson.loads(data)
    # Nineteen digits in a row show as four in a row in every fourth byte.
    sample = data[::4].translate(_DIGITS_TO_ZERO)
    begin = sample.find(b"0000")
    if begin < 0 or not _may_hold_wide_integer(data, sample, begin):
        return document
    # orjson reads integers beyond 64 bits as floats; for everything else it has vouched.
    try:
        return json.loads(data)
    except RecursionError:
        return document


def read_reply(data: bytes, load: Callable[[bytes], Any] = orjson.loads) -> Any:
    """A provider's JSON value, to be looked at; half of a surrogate pair reads as U+FFFD.

    Some providers cut an emoji in two, ``"\\ud83d"`` and ``"\\ude00"``, and clients join it again.
    Raises `orjson.JSONDecodeError`.
    """
    try:
        return load(data)
    except orjson.JSONDecodeError as error:
        if "surrogate" not in str(error):
            raise
        return load(_SURROGATE.sub(rb"\\ufffd", data))


def write_document(document: Mapping[str, Any] | list[Any]) -> bytes:
    """The document as compact JSON."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()


def is_deeper_than(levels: int, document: dict[str, Any] | list[Any]) -> bool:
    """Whether objects and lists are nested deeper; goes level by level, without recursion."""
    level: list[Any] = [document]
    for _ in range(levels):
        level = [
            child
            for container in level
            for child in (container.values() if type(container) is dict else container)
            if type(child) in _CONTAINERS
        ]
        if not level:
            return False
    return True


def _may_hold_wide_integer(data: bytes, sample: bytes, begin: int) -> bool:
    """Whether digits stand in a row that can be an integer beyond 64 bits: 20 of them, or 19
    behind a minus, and not within an id or a fraction.

    They are looked for where ``sample``, every fourth byte, has zeros for digits, ``begin`` being
    the first such place.
    """
    if sample.count(b"0000") > _FEW_PLACES:
        return _has_long_row(data)
    while begin >= 0:
        end = begin + 4
        while sample.startswith(b"0", end):
            end += 1
        if _WIDE_INTEGER.search(data, max(4 * begin - 4, 0), 4 * end):
            return True
        begin = sample.find(b"0000", end)
    return False


def _has_long_row(data: bytes) -> bool:
    """The same in a document full of digits: a pattern match over it all takes ten times as
    long."""
    zeros = data.translate(_DIGITS_TO_ZERO)
    at = zeros.find(_NINETEEN_ZEROS)
    while at >= 0:
        before = zeros[at - 1 : at]  # nothing at the very beginning
        if before in _BEFORE_A_NUMBER and (before == b"-" or zeros[at + 19 : at + 20] == b"0"):
            return True
        at = zeros.find(_NINETEEN_ZEROS, at + 19)
    return False


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case list():
            return "a list"
        case str():
            return "a string"
        case bool():
            return "true or false"
        case _:
            return "a number"


def _too_deep(max_depth: int) -> MalformedRequest:
    return MalformedRequest(f"the body is nested deeper than {max_depth} levels")
