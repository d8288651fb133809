"""Configuration versions: numbered one after the other, never changed, one winner per change."""

from __future__ import annotations

import asyncio

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import Conflict
from llmrouter.store.opening import Store
from llmrouter.store.versions import document_sha256

DOCUMENT = {"categories": {"zeta": {"models": ["a/b", "c/d"]}, "alpha": {"models": []}}, "x": 1.0}


async def test_an_empty_ledger_has_no_version(store: Store) -> None:
    assert await store.versions.latest() is None
    assert await store.versions.get(1) is None
    assert list(await store.versions.list()) == []


async def test_a_version_comes_back_as_it_was_added(store: Store, clock: FakeClock) -> None:
    made = await store.versions.add(DOCUMENT, parent=None, author="api", note="first")
    assert (made.number, made.created_us, made.parent) == (1, clock.now_us(), None)
    found = await store.versions.get(1)
    assert found == made == await store.versions.latest()
    assert found is not None
    assert list(found.document["categories"]) == ["zeta", "alpha"]
    assert found.sha256 == document_sha256(DOCUMENT)


def test_the_hash_does_not_depend_on_the_order_of_members() -> None:
    assert document_sha256({"a": 1, "b": 2}) == document_sha256({"b": 2, "a": 1})
    assert document_sha256({"a": [1, 2]}) != document_sha256({"a": [2, 1]})


async def test_of_two_changes_to_one_version_only_one_wins(store: Store) -> None:
    await store.versions.add({}, parent=None, author="default")
    outcomes = await asyncio.gather(
        *(store.versions.add({"n": n}, parent=1, author="api") for n in range(5)),
        return_exceptions=True,
    )
    won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert (len(won), len(lost)) == (1, 4)
    assert lost[0].status == 409
    assert await store.versions.latest() == won[0]


@pytest.mark.parametrize("parent", [None, 7])
async def test_a_parent_that_is_not_the_newest_is_refused(parent: int | None, store: Store) -> None:
    await store.versions.add({}, parent=None, author="default")
    with pytest.raises(Conflict, match="no longer the newest"):
        await store.versions.add({}, parent=parent, author="api")


async def test_versions_are_listed_from_the_newest_page_by_page(store: Store) -> None:
    for number in range(5):
        await store.versions.add({"n": number}, parent=number or None, author="cli")
    newest = await store.versions.list(limit=2)
    assert [version.number for version in newest] == [5, 4]
    older = await store.versions.list(before=4, limit=10)
    assert [version.document["n"] for version in older] == [2, 1, 0]


async def test_the_last_import_of_a_file_is_found_among_later_changes(store: Store) -> None:
    await store.versions.add({"n": 1}, parent=None, author="file", note="imported from a.json")
    await store.versions.add({"n": 2}, parent=1, author="file", note="imported from b.json")
    await store.versions.add({"n": 3}, parent=2, author="api", note="imported from a.json")
    found = await store.versions.last_imported("imported from a.json")
    assert found is not None
    assert found.document == {"n": 1}
    assert await store.versions.last_imported("imported from c.json") is None
