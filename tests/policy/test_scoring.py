"""Accuracy, F1 and confusion."""

from __future__ import annotations

import pytest

from llmrouter.policy.scoring import Judged, score


def test_a_row_with_several_right_answers_counts_for_the_lenient_figure_alone() -> None:
    found = score(
        [
            Judged("code", "code"),
            Judged("reasoning", "code"),
            Judged("conversation", "reasoning", also=("conversation",)),
            Judged(None, "reasoning", also=("code",)),
        ]
    )
    assert (found.rows, found.strict_rows) == (4, 2)
    assert found.accuracy == 0.5
    assert found.lenient_accuracy == 0.5
    assert found.confusion == {("code", "reasoning"): 1}


def test_precision_recall_and_f1() -> None:
    found = score([Judged("a", "a"), Judged("a", "b"), Judged("b", "b"), Judged("b", "b")])
    assert found.categories["a"].precision == 0.5
    assert found.categories["a"].recall == 1.0
    assert found.categories["b"].precision == 1.0
    assert found.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_nothing_is_not_zero() -> None:
    found = score([])
    assert (found.accuracy, found.lenient_accuracy, found.macro_f1) == (None, None, None)
    assert score([Judged("x", "a")]).categories["a"].precision is None
