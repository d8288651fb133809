"""Every documented row has a case, every case a row, and every case that is named exists."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS, GOOD, INTERRUPTED

ROOT = Path(__file__).parents[2]
INDEX: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("index.toml").read_text("utf-8")
)
NAMED = sorted({test for part in INDEX.values() for held in part.values() for test in held})


def test_the_index_has_its_three_parts() -> None:
    assert set(INDEX) == {"rows", "safety", "traps"}
    assert all(held for part in INDEX.values() for held in part.values())


def documented(page: str, number: str) -> list[str]:
    """The numbers of the rows of a page of the manual."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^\| ({number}) \|", text, re.MULTILINE)


def test_faults_and_cases_are_the_same() -> None:
    numbers = documented("faults.md", r"\d{1,2}[a-z]?|[PKC]\d*")
    cases = {name.split(" ")[0] for name in (*FAULTS, *GOOD, *INTERRUPTED)}
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == cases | INDEX["rows"].keys()


def test_rules_of_safety_and_cases_are_the_same() -> None:
    numbers = documented("safety.md", r"S\d+")
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == INDEX["safety"].keys()


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    found = (n for n in tree.body if isinstance(n, ast.AsyncFunctionDef | ast.FunctionDef))
    return frozenset(function.name for function in found)


@pytest.mark.parametrize("test", NAMED)
def test_a_case_that_stands_elsewhere_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in functions(file)
