"""What spares most texts a search may never spare one that would have found something."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmrouter.policy.classifier.marks import _PATTERNS, marks
from llmrouter.policy.keywords import fold_text
from llmrouter.policy.structure import STRUCTURE

PIECES = (
    *(
        "```\n",
        "`x`",
        "a.b(",
        "f(x)",
        "g(2)",
        "(n+1)",
        "snake_case",
        "camelCase",
        "=>",
        " == ",
        "_",
    ),
    *(
        "x = 3",
        "3 × 4",
        "3 x 4",
        "12 %",
        "7 % of 3",
        "$ ls -l",
        "git commit\n",
        "`git add`",
        "sudo x",
    ),
    *("Traceback (most recent call last)", "\tat com.x.Y.z(", "\n at main (", "(at a.js:10:5)"),
    *('File "a.py", line 3', "panicked at", "goroutine 7", "Segmentation fault", "Caused by:"),
    *("ValueError: no", "KeyException", "Error: E", "ERROR ", "[info]", "INFO\n", "EPIPE", "errno"),
    *("exit code 3", "HTTP 500", "status=404", "2024-01-02T03:04:05", "Jan  1 10:20:30", "[ 1.5]"),
    *("SELECT a FROM b;", "select * from t where", "insert into t", "INSERT INTO t", "group by"),
    *(
        "inſert into",
        "update t set",
        "left join",
        "true or false",
        "VRAI OU FAUX",
        "main.py",
        "*.TS",
    ),
    *(
        "/etc/",
        "1.2.3.4",
        ":8080",
        "...",
        "......",
        "____",
        "(   )",
        "（）",
        "[MASK]",
        "①",
        "②",
        "✅",
        ";-)",
    ),
    *(
        "\nA) one\nB) two\nC) three",
        "(A) x (B) y",
        " A. x B. y C. z",
        "∑",
        "π",
        "\\frac",
        "$a^2$",
        "x^2",
    ),
    *("write a poem", "Écris une lettre", "DRAFT an e-mail", "rédigez un message", "Summarize"),
    *("def f(", "class A:", "import os", "#include <", "function g(", "const x =", "</b>", "a::b"),
    *("return x;", "{\n", ");\n", "/** */", "<?php", "console.log", "3 EUR", "$5", "0xff", "word"),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), min_size=1, max_size=6).flatmap(
    lambda pieces: st.sampled_from(("", " ", "\n", "\n  ")).map(
        lambda between: between.join(pieces)
    )
)


@given(TEXTS)
def test_marks_of_the_local_classifier_are_those_of_their_patterns(text: str) -> None:
    searched = {
        mark.name
        for mark in _PATTERNS
        if (mark.name in ("emoji", "math_symbol") or not mark.needs or mark.needs & set(text))
        and mark.pattern.search(text)
    }
    assert {mark.name for mark in _PATTERNS} & set(marks(text)) == searched


@given(TEXTS)
def test_structures_of_the_keywords_mode_are_those_of_their_patterns(text: str) -> None:
    for mark in STRUCTURE:
        found = sum(1 for _ in mark.pattern.finditer(text))
        assert mark.shows_in(text, fold_text(text)) == (found >= mark.at_least), mark.label
