"""Aliases and their wildcards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.errors import ConfigurationInvalid
from llmrouter.policy.names import Aliases, nearest_names


@pytest.mark.parametrize(
    ("aliases", "name", "meant"),
    [
        ({"a": "lab/m"}, "a", "lab/m"),
        ({"a": "b", "b": "lab/m"}, "a", "lab/m"),
        ({"a": "lab/m"}, "b", None),
        ({"a": "lab/m"}, "A", None),
        ({"a*": "lab/m", "a": "lab/exact"}, "a", "lab/exact"),
        ({"*": "lab/any", "gpt-*": "lab/gpt", "gpt-4*": "lab/4"}, "gpt-4o", "lab/4"),
        ({"*": "lab/any", "gpt-*": "lab/gpt", "gpt-4*": "lab/4"}, "gpt-3", "lab/gpt"),
        ({"*": "lab/any", "gpt-*": "lab/gpt", "gpt-4*": "lab/4"}, "o1", "lab/any"),
        ({"gpt-??": "lab/two", "gpt-*": "lab/many"}, "gpt-4o", "lab/two"),
        ({"gpt-??": "lab/two", "gpt-*": "lab/many"}, "gpt-4", "lab/many"),
        ({"my/*": "lab/*"}, "my/a/b", "lab/a/b"),
        ({"*-at-*": "*/*"}, "x-at-y", "x/y"),
        ({"old-*": "new-*", "new-1": "lab/m"}, "old-1", "lab/m"),
        ({"a.b": "lab/m"}, "axb", None),
        ({"a.b*": "lab/m"}, "axb", None),
    ],
)
def test_what_an_alias_stands_for(aliases: dict[str, str], name: str, meant: str | None) -> None:
    assert Aliases(aliases).follow(name) == meant


def test_a_wildcard_does_not_follow_itself_for_ever() -> None:
    assert Aliases({"*": "lab/*"}).follow("m") == "lab/m"


@pytest.mark.parametrize("circle", [{"a": "a"}, {"a": "b", "b": "a"}])
def test_a_circle_is_refused_and_named(circle: dict[str, str]) -> None:
    with pytest.raises(ConfigurationInvalid) as caught:
        Aliases({"fine": "lab/m", **circle})

    assert [fault.field for fault in caught.value.errors] == [f"aliases.{n}" for n in circle]


@given(st.text(min_size=1, max_size=30))
def test_a_star_takes_any_name_as_it_is(name: str) -> None:
    assert Aliases({"*": "lab/*"}).follow(name) == f"lab/{name}"


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("cod", ["code", "tools"], ["code"]),
        ("GPT-4O-MINI", ["gpt-4o-mini"], ["gpt-4o-mini"]),
        ("zzz", ["code"], []),
    ],
)
def test_nearest_names(name: str, known: list[str], nearest: list[str]) -> None:
    assert nearest_names(name, known) == nearest
