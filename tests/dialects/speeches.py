"""Streams in the two dialects whose chunks are compared with the one before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from llmrouter.dialects.anthropic import refrain as anthropic_refrain
from llmrouter.dialects.openai import refrain as openai_refrain
from llmrouter.dialects.refrain import Refrain
from tests.dialects.openai.replies import DONE, chunk

PIECES = st.sampled_from(
    [
        b"a",
        b"word ",
        b'"',
        b"\\",
        b"\\n",
        b"\\u00e9",
        b"\\ud83d",
        "é".encode(),
        b"\xff",
        b"\n",
        b"}",
    ]
)
TEXTS = st.lists(PIECES, max_size=4).map(b"".join)
LONG = b"long " * 400


@dataclass(frozen=True, slots=True)
class Speech:
    """``said`` is a chunk of this text, ``learnt`` what a chunk has in common with its like;
    ``chunks`` are any that may come between ``opened`` and ``ended``."""

    name: str
    said: Callable[[bytes], bytes]
    learnt: Callable[[bytes], Refrain | None]
    opened: bytes
    ended: bytes
    chunks: st.SearchStrategy[bytes]

    def __str__(self) -> str:
        return self.name


# Chat completions

_BEFORE = b'data: {"id":"c","model":"m\\\\\xc3\xa9","choices":[{"index":0,"delta":{"content":"'
ERROR = b'data: {"error":{"message":"no"}}\n\n'
_CALL = b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"'


def content(text: bytes) -> bytes:
    return _BEFORE + text + b'"},"finish_reason":null}],"usage":null}\n\n'


def padded(text: bytes, padding: bytes) -> bytes:
    return _BEFORE + text + b'"},"finish_reason":null}],"obfuscation":"' + padding + b'"}\n\n'


def arguments(text: bytes) -> bytes:
    return _CALL + text + b'"}}]}}]}\n\n'


OPENAI = Speech(
    name="openai",
    said=content,
    learnt=lambda raw: openai_refrain.refrain_of(raw, json.loads(raw.removeprefix(b"data:"))),
    opened=chunk(delta={"role": "assistant"}),
    ended=chunk(finish="stop") + DONE,
    chunks=st.one_of(
        st.builds(content, TEXTS),
        st.builds(content, TEXTS),
        st.builds(padded, PIECES, st.sampled_from([b"", b"aB3", b'"', b"\\n"])),
        st.builds(arguments, PIECES),
        st.sampled_from(
            [
                chunk("a"),
                chunk("b"),
                chunk("c", finish="stop"),
                content(LONG),
                b"event: x\n" + content(b"a"),
                b"data: {\n\n",
                ERROR,
                b": still here\n\n",
                b"\r\n",
                DONE,
            ]
        ),
    ),
)

# Messages


def event(kind: str, **members: Any) -> bytes:
    document = json.dumps({"type": kind, **members}, separators=(",", ":"))
    return f"event: {kind}\ndata: {document}\n\n".encode()


def delta(
    text: bytes, *, index: int = 0, kind: str = "text_delta", member: str = "text", gap: str = ""
) -> bytes:
    head = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},'
    start = f'"delta":{{"type":"{kind}","{member}":{gap}"'
    return (head + start).encode() + text + b'"}}\n\n'


def thought(text: bytes) -> bytes:
    return delta(text, kind="thinking_delta", member="thinking")


def argued(text: bytes) -> bytes:
    return delta(text, index=1, kind="input_json_delta", member="partial_json")


BLOCKS = [
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
    event("content_block_start", index=1, content_block={"type": "tool_use", "id": "t"}),
]
FAULT = event("error", error={"type": "overloaded_error"})
_ENDED = (
    event("content_block_stop", index=0)
    + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
    + event("message_stop")
)

ANTHROPIC = Speech(
    name="anthropic",
    said=delta,
    learnt=lambda raw: anthropic_refrain.refrain_of(
        raw, raw.removesuffix(b"\n\n").rpartition(b"data: ")[2]
    ),
    opened=event("message_start", message={"id": "m", "model": "c", "usage": {"input_tokens": 9}})
    + BLOCKS[0],
    ended=_ENDED,
    chunks=st.one_of(
        st.builds(delta, TEXTS),
        st.builds(delta, TEXTS),
        st.builds(thought, TEXTS),
        st.builds(argued, TEXTS),
        st.sampled_from(
            [
                *BLOCKS,
                delta(LONG),
                delta(b"a", kind="signature_delta", member="signature"),
                event("ping"),
                event("content_block_stop", index=0),
                b"data: {\n\n",
                b": still here\n\n",
                b": caf\xe9\n" + delta(b"a"),
                b"\r\n",
                FAULT,
                _ENDED,
            ]
        ),
    ),
)
