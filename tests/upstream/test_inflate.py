"""Compressed replies."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.errors import AttemptError
from llmrouter.upstream.inflate import PIECE_BYTES, decoder_for


def raw_deflate(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush()


ENCODINGS = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
}


def decoded(encoding: str, data: bytes, *cuts: int) -> bytes:
    decoder = decoder_for(encoding)
    plain = b""
    for start, end in pairwise([0, *sorted(cuts), len(data)]):
        for piece in decoder.feed(data[start:end]):
            assert len(piece) <= max(PIECE_BYTES, end - start)
            plain += piece
    decoder.finish()
    return plain


@given(
    st.sampled_from(sorted(ENCODINGS)),
    st.binary(max_size=200),
    st.integers(1, 4_000),
    st.lists(st.integers(0, 300), max_size=5),
)
def test_law_any_split_gives_the_same_bytes(
    encoding: str, data: bytes, times: int, cuts: list[int]
) -> None:
    packed = ENCODINGS[encoding](data * times)
    assert decoded(encoding, packed, *(min(cut, len(packed)) for cut in cuts)) == data * times


def test_members_follow_one_another_and_padding_is_ignored() -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0\0"
    assert decoded("gzip", packed) == b"onetwo"


def test_what_was_flushed_comes_at_once() -> None:
    deflate = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    packed = deflate.compress(b"data: x\n\n") + deflate.flush(zlib.Z_SYNC_FLUSH)
    assert b"".join(decoder_for("gzip").feed(packed)) == b"data: x\n\n"


def test_an_empty_body_is_complete() -> None:
    assert decoded("gzip", b"") == b""


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "Deflate"])
@pytest.mark.parametrize("kept", [1, 2, 15])
def test_a_cut_body_is_not(encoding: str, kept: int) -> None:
    with pytest.raises(AttemptError) as caught:
        decoded(encoding, ENCODINGS[encoding](bytes(range(256)))[:kept])
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(AttemptError, match="identity was asked for"):
        decoder_for(encoding)
