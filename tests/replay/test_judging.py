"""The judge's word, and that no position of an answer wins by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.replay.answers import Answer
from llmrouter.replay.judging import Choice, Verdict, question, read_choice, settle
from tests.replay.test_answers import prompt


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("A", "A"),
        ("**B**", "B"),
        ("A is shorter, but B is right.\n\nB", "B"),
        ("Answer A errs.\nTIE", "TIE"),
        ("I cannot say.", None),
        ("", None),
    ],
)
def test_the_judges_last_word_counts(text: str, choice: Choice | None) -> None:
    assert read_choice(text) == choice


@pytest.mark.parametrize(
    ("old_first", "new_first", "verdict"),
    [
        ("A", "B", "old"),
        ("B", "A", "new"),
        ("A", "A", "tie"),  # always the first one
        ("B", "B", "tie"),  # always the second one
        ("TIE", "A", "tie"),
        ("TIE", "TIE", "tie"),
        (None, "A", None),
        ("B", None, None),
    ],
)
def test_a_verdict_must_hold_in_both_orders(
    old_first: Choice | None, new_first: Choice | None, verdict: Verdict | None
) -> None:
    assert settle(old_first, new_first) == verdict


@given(st.sampled_from(["A", "B", "TIE"]), st.sampled_from(["A", "B", "TIE"]))
def test_swapping_the_answers_swaps_the_verdict(one: Choice, other: Choice) -> None:
    mirrored = {"old": "new", "new": "old", "tie": "tie"}
    assert settle(other, one) == mirrored[settle(one, other) or "tie"]


def test_the_judge_sees_the_conversation_and_no_names() -> None:
    asked = prompt(model="lab/secret-model")
    document = question("lab/judge", asked, Answer("one", (), "stop"), Answer("two", (), "stop"))
    text = document["messages"][1]["content"]
    assert text.index("one") < text.index("two")
    assert "user: Hi" in text
    assert "secret-model" not in str(document)
