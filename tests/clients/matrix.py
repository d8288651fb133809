"""Plays every scene with every pair of a library and a vendor, and judges what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pkgutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from llmrouter.core.routing import DialectName
from llmrouter.store.engine import read_address
from tests.clients.libraries.library import Library, Wish
from tests.clients.scene import (
    ANSWER,
    CACHED_TOKENS,
    CALLS,
    CUT_ANSWER,
    INPUT_TOKENS,
    JSON_ANSWER,
    MAX_TOKENS,
    OUTPUT_TOKENS,
    PNG,
    QUESTION,
    REASONING_TOKENS,
    REFUSAL,
    RESULTS,
    SCENARIOS,
    SCHEMA,
    SIGNATURE,
    SYSTEM,
    TEMPERATURE,
    THOUGHT,
    TOOL_NAME,
    TOOL_SCHEMA,
    TOOL_WORDS,
    Asked,
    Counted,
    Said,
    Scenario,
    Told,
)
from tests.clients.vendors import VENDORS
from tests.clients.vendors.vendor import Vendor
from tests.provider import Provider, Seen
from tests.running import RunningRouter, running_router

LIBRARIES: Mapping[str, str] = {
    "openai chat": "openai_chat:OpenAIChat",
    "openai responses": "openai_responses:OpenAIResponses",
    "anthropic": "anthropic:Anthropic",
    "google-genai": "google:Google",
    "ollama": "ollama:Ollama",
}
"""Where each stands in `tests.clients.libraries`.  To load them all takes seconds, and of the
processes of a test run most need none."""

LIBRARY_NAMES: tuple[str, ...] = tuple(LIBRARIES)

WISHES: Mapping[Scenario, tuple[str, Wish]] = {
    "plain": ("plain", Wish()),
    "stream": ("cut", Wish(stream=True)),
    "tools": ("tools", Wish(tools=True)),
    "stream tools": ("tools", Wish(stream=True, tools=True)),
    "schema": ("schema", Wish(schema=True)),
    "image": ("image", Wish(image=True)),
}
"""The model that is asked, and what the request carries.  The answer of the plain scene ends, that
of the streamed one is cut."""


class Cell(NamedTuple):
    """A library, a vendor and a scene."""

    library: str
    vendor: DialectName
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Outcome:
    """``dropped`` are the fields that the router said it dropped, None where the dialects are the
    same; ``fault`` is what was wrong."""

    dropped: tuple[str, ...] | None = None
    fault: Exception | None = None


CELLS: tuple[Cell, ...] = tuple(Cell(*cell) for cell in product(LIBRARY_NAMES, VENDORS, SCENARIOS))


def measure() -> dict[Cell, Outcome]:
    """Plays everything, one cell after the other."""
    return asyncio.run(_measure())


async def _measure() -> dict[Cell, Outcome]:
    async with contextlib.AsyncExitStack() as stack:
        providers = {
            name: await stack.enter_async_context(Provider(otherwise=vendor.script()))
            for name, vendor in VENDORS.items()
        }
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = read_address(f"sqlite:///{folder}/llmrouter.db", folder)
        router = await stack.enter_async_context(running_router(address, _document(providers)))
        found: dict[Cell, Outcome] = {}
        for place in LIBRARIES.values():
            kind = pkgutil.resolve_name(f"tests.clients.libraries.{place}")
            library: Library = kind(f"http://127.0.0.1:{router.port}")
            stack.push_async_callback(library.aclose)
            for name, scenario in product(VENDORS, SCENARIOS):
                stage = _Stage(router, library, name, providers[name])
                found[Cell(library.name, name, scenario)] = await stage.play(scenario)
        return found


def _document(providers: Mapping[DialectName, Provider]) -> dict[str, Any]:
    return {
        "routing": {"mode": "keywords", "report_cost_in_usage": False},
        "providers": {
            f"{name}-lab": {
                "base_url": f"http://127.0.0.1:{provider.port}{VENDORS[name].base_path}",
                "dialect": name,
            }
            for name, provider in providers.items()
        },
    }


@dataclass(frozen=True, slots=True)
class _Stage:
    """A library and a vendor, with the router between them."""

    router: RunningRouter
    library: Library
    name: DialectName
    provider: Provider

    @property
    def vendor(self) -> Vendor:
        return VENDORS[self.name]

    async def play(self, scenario: Scenario) -> Outcome:
        before = len(self.provider.seen)
        try:
            if scenario == "errors":
                await self._play_errors()
            else:
                await self._play_scene(scenario, before)
        except Exception as error:
            # A cell's edge: every other cell is to be played all the same.
            return Outcome(fault=error)
        return Outcome(self._dropped(len(self.provider.seen) - before))

    async def _play_errors(self) -> None:
        # A model of its own for each library: after a 429 the target is left in peace for a while.
        suffix = LIBRARY_NAMES.index(self.library.name)
        refused = await self.library.fail(f"{self.name}-lab/refused-{suffix}")
        assert (refused.is_bad_request, refused.is_rate_limit) == (True, False), refused
        assert REFUSAL in refused.message, refused
        limited = await self.library.fail(f"{self.name}-lab/limited-{suffix}")
        assert (limited.is_bad_request, limited.is_rate_limit) == (False, True), limited
        assert "rate_limited" in limited.message, limited

    async def _play_scene(self, scenario: Scenario, before: int) -> None:
        model, wish = WISHES[scenario]
        told = await self.library.ask(f"{self.name}-lab/{model}-1", wish)
        requests = [self.vendor.asked(seen) for seen in self.provider.seen[before:]]
        assert all(_credentials(seen) for seen in self.provider.seen[before:])
        for turn, asked in enumerate(requests):
            _judge_request(asked, self._expected_request(wish, turn))
        assert list(told) == self._expected_answers(scenario)

    def _expected_request(self, wish: Wish, turn: int) -> Asked:
        said = [Said("user", "text", QUESTION)]
        if wish.image:
            kind = None if self.name == "ollama" else "image/png"
            said.append(Said("user", "image", (kind, PNG)))
        if turn == 1:
            said += [Said("assistant", "call", call) for call in CALLS]
            said += [Said("user", "result", result) for result in RESULTS]
        signatures: tuple[str, ...] = ()
        if self.vendor.signs and turn == 1:
            signatures = (SIGNATURE,) if self.library.keeps_signatures else self.vendor.unsigned
        return Asked(
            SYSTEM,
            tuple(said),
            MAX_TOKENS,
            TEMPERATURE,
            ((TOOL_NAME, TOOL_WORDS, TOOL_SCHEMA),) if wish.tools else (),
            SCHEMA if wish.schema else None,
            wish.stream,
            signatures,
        )

    def _expected_answers(self, scenario: Scenario) -> list[Told]:
        counted = self._expected_usage()
        match scenario:
            case "plain":
                return [Told(ANSWER, "stop", counted, THOUGHT)]
            case "stream":
                return [Told(CUT_ANSWER, "length", counted, THOUGHT)]
            case "tools" | "stream tools":
                called = Told("", "tools", counted, THOUGHT, CALLS)
                return [called, Told(ANSWER, "stop", counted)]
            case "schema":
                return [Told(JSON_ANSWER, "stop", counted)]
            case _:
                return [Told(ANSWER, "stop", counted)]

    def _expected_usage(self) -> Counted:
        """What the vendor says and the library's dialect has a word for."""
        heard = self.library.hears

        def known(name: str, tokens: int) -> int | None:
            if name not in heard:
                return None
            return tokens if name in self.vendor.says else self.library.unknown_tokens

        return Counted(
            INPUT_TOKENS,
            known("cached", CACHED_TOKENS),
            OUTPUT_TOKENS,
            known("reasoning", REASONING_TOKENS),
        )

    def _dropped(self, attempts: int) -> tuple[str, ...] | None:
        """What the ledger says was dropped in the last attempts."""
        rows = self.router.ledger.rows(
            "SELECT data FROM event WHERE kind = 'attempt.started'"
            f" ORDER BY request_id DESC, seq DESC LIMIT {attempts}"
        )
        started = [json.loads(row["data"]) for row in rows]
        if all(data.get("dialect") is None for data in started):
            return None
        return tuple(dict.fromkeys(field for data in started for field in data.get("dropped", ())))


def _credentials(seen: Seen) -> bool:
    """The client's key is the router's affair, and no provider here has one."""
    return not {"authorization", "x-api-key", "x-goog-api-key"} & set(seen.headers)


def _judge_request(asked: Asked, expected: Asked) -> None:
    assert asked.foreign == frozenset(), "fields of no manual"
    calls = [said.value[0] for said in asked.said if said.kind == "call"]
    results = [said.value[0] for said in asked.said if said.kind == "result"]
    assert calls == results, "results name their calls"
    plain = [
        Said(s.role, s.kind, s.value[1:] if s.kind == "call" else s.value[1])
        if s.kind in ("call", "result")
        else s
        for s in asked.said
    ]
    assert plain == list(expected.said)
    for name in ("system", "max_tokens", "temperature", "tools", "schema", "stream", "signatures"):
        assert getattr(asked, name) == getattr(expected, name), name
