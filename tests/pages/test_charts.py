"""Charts say what they were given: to the eye, in words, and in the table beneath."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.pages.bars import bars, stacked_columns
from llmrouter.pages.distribution import cumulative, histogram
from llmrouter.pages.flow import Link, flow
from llmrouter.pages.lines import lines
from llmrouter.pages.series import COLOURS, Series
from llmrouter.pages.shown import ms, usd
from tests.pages.drawn import cells, marks, number, read

DAYS = ["2026-11-18", "2026-11-19", "2026-11-20"]


def test_bars_are_as_long_as_their_values() -> None:
    figure = read(bars("Cost", ["a", "b", "c"], [4, 1, None], show=usd, heading="model"))

    long, short, unknown = (number(bar, "width") for bar in marks(figure, "rect", "s0"))
    assert long == pytest.approx(4 * short, rel=0.01)
    assert unknown == 0
    assert cells(figure) == [["model", "value"], ["a", "$4.00"], ["b", "$1.00"], ["c", "unknown"]]


def test_columns_stand_on_each_other_and_leave_out_what_is_unknown() -> None:
    figure = read(
        stacked_columns("Cost", DAYS, [Series("a", [3, 2, None]), Series("b", [1, 2, 1])])
    )

    lower, upper = marks(figure, "rect", "s0")[0], marks(figure, "rect", "s1")[0]
    assert number(lower, "height") == pytest.approx(3 * number(upper, "height"), rel=0.01)
    assert number(upper, "y") + number(upper, "height") == pytest.approx(
        number(lower, "y"), abs=0.02
    )
    assert len(marks(figure, "rect", "s0")) == 2
    assert cells(figure)[3] == ["2026-11-20", "unknown", "1"]


def test_more_series_than_colours_are_summed_up_and_all_of_them_told() -> None:
    many = [Series(f"model-{n}", [float(n)]) for n in range(1, 12)]

    figure = read(stacked_columns("Cost", DAYS[:1], many))

    legend = ["".join(entry.itertext()) for entry in figure.iter("li")]
    assert len(legend) == COLOURS
    assert legend[0] == "model-11"
    assert legend[-1] == "4 others"
    assert len(cells(figure)[0]) == 12


def test_a_line_is_broken_where_a_value_is_unknown() -> None:
    figure = read(lines("p50", [*DAYS, "2026-11-21"], [Series("a", [1, 2, None, 4])], show=ms))

    assert [len(path.get("points", "").split()) for path in marks(figure, "polyline", "line")] == [
        2,
        1,
    ]
    assert len(marks(figure, "circle", "s0")) == 3


def test_a_histogram_leaves_out_empty_ends_and_counts_the_rest() -> None:
    figure = read(histogram("Durations", [1, 2, 4, 8, 16], [0, 3, 0, 6, 0], show=ms))

    heights = [number(bar, "height") for bar in marks(figure, "rect", "s0")]
    assert heights[2] == pytest.approx(2 * heights[0], rel=0.01)
    assert heights[1] == 0
    assert cells(figure)[1:] == [["2 ms", "3"], ["4 ms", "0"], ["8 ms", "6"]]


def test_shares_grow_to_all_of_it() -> None:
    figure = read(
        cumulative(
            "Durations", [1, 2, 4, 8], [("a", [1, 1, 2, 0]), ("none", [0, 0, 0, 0])], show=ms
        )
    )

    assert cells(figure) == [
        ["up to", "a"],
        ["1 ms", "25.0 %"],
        ["2 ms", "50.0 %"],
        ["4 ms", "100.0 %"],
    ]


@given(
    st.lists(
        st.builds(Link, st.sampled_from("abc"), st.sampled_from("abcd"), st.floats(0.1, 1000)),
        min_size=1,
        max_size=20,
    )
)
def test_what_flows_out_on_the_left_arrives_on_the_right(links: list[Link]) -> None:
    figure = read(flow("Models", links))

    ends = [_band_ends(band.attrib["d"]) for band in marks(figure, "path", "band")]
    bars_drawn = {
        side: sum(
            number(bar, "height")
            for bar in figure.iter("rect")
            if (number(bar, "x") < 380) == (side == "left")
        )
        for side in ("left", "right")
    }
    assert sum(left for left, _ in ends) == pytest.approx(bars_drawn["left"], abs=0.1 * len(links))
    assert sum(right for _, right in ends) == pytest.approx(
        bars_drawn["right"], abs=0.1 * len(links)
    )


def _band_ends(outline: str) -> tuple[float, float]:
    """How thick a band is at its left and at its right end."""
    corners = [tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", outline)]
    ys = [y for _, y in corners]
    return ys[-1] - ys[0], ys[4] - ys[3]


def test_nothing_at_all_is_drawn_as_nothing() -> None:
    for chart in (
        bars("t", [], []),
        stacked_columns("t", [], []),
        lines("t", [], []),
        histogram("t", [], [], show=ms),
        cumulative("t", [], [], show=ms),
        flow("t", []),
    ):
        assert len(cells(read(chart))) == 1
