"""The event loop that is chosen, and what is said when it is not there."""

from __future__ import annotations

import sys

import pytest
import uvloop

from llmrouter.web.loops import LoopUnavailable, loop_factory


@pytest.fixture
def without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "uvloop")
    monkeypatch.setattr("sys.path", [])


@pytest.mark.parametrize("choice", ["auto", "uvloop"])
def test_uvloop_is_used_where_it_is_installed(choice: str) -> None:
    factory = loop_factory(choice)  # type: ignore[arg-type]
    assert factory is not None
    loop = factory()
    assert isinstance(loop, uvloop.Loop)
    loop.close()


def test_asyncio_can_be_asked_for() -> None:
    assert loop_factory("asyncio") is None


@pytest.mark.usefixtures("without_uvloop")
def test_without_uvloop_there_is_still_a_loop() -> None:
    assert loop_factory("auto") is None


@pytest.mark.usefixtures("without_uvloop")
def test_who_asks_for_uvloop_is_told_that_it_is_missing() -> None:
    with pytest.raises(LoopUnavailable, match="LLMROUTER_EVENT_LOOP=auto"):
        loop_factory("uvloop")
