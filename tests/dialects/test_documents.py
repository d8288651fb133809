"""JSON documents: strict in, undamaged out."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.errors import MalformedRequest
from llmrouter.dialects.documents import read_document, read_reply, write_document


def nested(levels: int) -> bytes:
    """A document of so many levels."""
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not valid JSON"),
        (b"model=x", "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": -Infinity}', "not valid JSON"),
        (b'{"a": 1e999}', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b'"text"', "a string"),
        (b"7", "a number"),
        (b"true", "true or false"),
        (nested(201), "deeper than 200 levels"),
        (nested(1_000), "deeper than 200 levels"),
        (nested(100_000), "deeper than 200 levels"),
        (b'{"a":' + b"[" * 100_000, "deeper than 200 levels"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "deeper than 200 levels"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else value,
)
def test_what_is_no_document_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(MalformedRequest, match=says):
        read_document(body, max_depth=200)


def test_depth_counts_what_is_nested_and_not_what_stands_in_texts() -> None:
    text = json.dumps({"a": "[{" * 10_000, "b": [[]] * 1_000}).encode()
    assert read_document(text, max_depth=3)
    assert read_document(nested(200), max_depth=200)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(
    st.recursive(
        st.integers(0, 1) | st.sampled_from(["", "[{"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("{["), inner),
        max_leaves=8,
    ),
    st.integers(1, 5),
    st.sampled_from([0, 5_000]),
)
def test_law_depth_is_that_of_the_document(value: object, levels: int, padding: int) -> None:
    document = {"a": value}
    body = json.dumps(document).encode() + b" " * padding
    if depth_of(document) <= levels:
        assert read_document(body, max_depth=levels) == document
    else:
        with pytest.raises(MalformedRequest, match="nested deeper"):
            read_document(body, max_depth=levels)


def test_a_byte_order_mark_and_keys_that_come_twice_are_read() -> None:
    assert read_document(b'\xef\xbb\xbf{"a": 1, "a": 2}', max_depth=9) == {"a": 2}


@pytest.mark.parametrize(
    "number", [2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**40, -(10**300)]
)
@pytest.mark.parametrize("shape", ['{"seed":%d}', '{"seed": %d}', '{"a":[1,%d]}', '{"a":[\n%d]}'])
@pytest.mark.parametrize(
    "beside", ["", " ", "  ", "   ", '"x":[' + "0.12345678901234567," * 99 + "0],"], ids=len
)
def test_wide_integers_are_not_damaged(beside: str, shape: str, number: int) -> None:
    body = (shape % number).replace("{", "{" + beside, 1).encode()
    document = read_document(body, max_depth=9)
    assert document == json.loads(body)
    assert json.loads(write_document(document)) == json.loads(body)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, width=64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: "Infinity" not in json.dumps(value))


@given(st.dictionaries(st.text(), JSON_VALUES), st.booleans())
def test_law_documents_survive_the_way_in_and_out(document: dict[str, Any], escaped: bool) -> None:
    body = json.dumps(document, ensure_ascii=escaped).encode()
    assert json.loads(write_document(read_document(body, max_depth=200))) == document


def test_replies_may_hold_half_of_a_surrogate_pair() -> None:
    assert read_reply(b'"a\\ud83d b"') == "a\ufffd b"
    with pytest.raises(orjson.JSONDecodeError):
        read_reply(b'"a')
