"""A page is one file that needs nothing else and lets no text out of its place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.pages.bars import bars, stacked_columns
from llmrouter.pages.distribution import cumulative
from llmrouter.pages.flow import Link, flow
from llmrouter.pages.lines import lines
from llmrouter.pages.page import page, paragraph, section, tiles
from llmrouter.pages.series import Series
from llmrouter.pages.shown import count, ms, percent, usd
from llmrouter.pages.table import table
from tests.pages.drawn import read

names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=40)


def whole_page(name: str) -> str:
    """A page in which a name stands wherever one can stand."""
    return page(
        name,
        tiles({name: name}),
        section(
            name,
            paragraph(name),
            table((name, name), [(name, name)], caption=name),
            bars(name, [name], [1], note=name, heading=name),
            stacked_columns(name, [name], [Series(name, [1]), Series("b", [2])]),
            lines(name, [name], [Series(name, [1])]),
            cumulative(name, [1, 2], [(name, [1, 1])], show=ms),
            flow(name, [Link(name, name, 1)], before=name, after=name),
        ),
        subtitle=name,
    )


@given(names)
def test_no_text_leaves_its_place(name: str) -> None:
    plain, planted = _shape(whole_page("x")), _shape(whole_page(name))
    assert planted == plain


def test_markup_in_a_name_is_shown_and_not_obeyed() -> None:
    hostile = "\"><script>alert(1)</script><img src=//evil.example onerror='x'>"

    text = whole_page(hostile)

    assert "<script" not in text
    assert "<img" not in text
    assert hostile in "".join(read(_without_void(text)).itertext())


def test_a_page_asks_for_nothing_and_forbids_asking() -> None:
    text = whole_page("x")

    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href|srcset)=|url\(|@import|<script|<link", text)
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (usd(0), "$0"),
        (usd(1234.5), "$1,234.50"),
        (usd(0.25), "$0.2500"),
        (usd(0.00123), "$0.00123"),
        (usd(0.000000001), "$0.000000001"),
        (usd(-2), "-$2.00"),
        (ms(0.25), "0.25 ms"),
        (ms(999), "999 ms"),
        (ms(1500), "1.5 s"),
        (ms(90_000), "1.5 min"),
        (count(1234567), "1,234,567"),
        (percent(0.1234), "12.3 %"),
    ],
)
def test_numbers_are_written_for_people(shown: str, expected: str) -> None:
    assert shown == expected


def _shape(text: str) -> list[str]:
    """The page's elements and the names of their attributes, in order; figures have a class."""
    return [
        " ".join((element.tag, *sorted(element.attrib.keys() - {"class"})))
        for element in read(_without_void(text)).iter()
    ]


def _without_void(text: str) -> str:
    """The page as XML: without the document type, its void elements closed."""
    body = text.removeprefix("<!DOCTYPE html>\n")
    return re.sub(r"<meta ([^>]*)>", r"<meta \1/>", body)
