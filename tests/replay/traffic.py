"""Traffic of every kind, for replays: every dialect, tools and their loops, conversations, aliases,
combos, fallbacks, breakers that open and close, cooldowns, streams, and several versions."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Any

from llmrouter.core.replay import ReplayWindow
from llmrouter.documents import read_configuration
from llmrouter.replay.checking import Checked, check
from llmrouter.replay.versions import RanWith
from llmrouter.settings import Keyring, read_settings
from tests.provider import Provider, answer, status, stream
from tests.running import KEYS, Document, RunningRouter, lab

TEXTS = (
    "Write a Python function that reverses a list",
    "Prove that the square root of two is irrational, step by step",
    "Hello, how are you today?",
    "Schreib mir bitte ein Gedicht",
    "and in Go?",
    "",
)
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
ROUTES = {
    "pair": ["lab/flaky", "spare/two"],
    "spread": ["lab/one", "lab/two", "spare/two"],
    "seeing": ["lab/blind", "spare/two"],
}


def document(provider: Provider, **sections: Any) -> Document:
    models = ["lab/fast", "lab/flaky", "spare/two"]
    categories = {
        name: {"models": models} for name in ("code", "reasoning", "conversation", "tools")
    }
    return lab(
        provider,
        routes=ROUTES,
        categories=categories,
        prices={
            name: {"input_usd_per_mtok": 1.1, "output_usd_per_mtok": 2.7}
            for name in ("lab/fast", "lab/one", "lab/two", "lab/flaky", "spare/two")
        },
        aliases={"quick": "lab/fast", "any-*": "lab/*"},
        models={"lab/blind": {"vision": False, "context_tokens": 200}},
        breaker={"failure_threshold": 2, "recovery_timeout_s": 0.15},
        **sections,
    )


class Traffic:
    """Clients of every kind, by a seed."""

    def __init__(self, router: RunningRouter, seed: int) -> None:
        self._router = router
        self._chance = random.Random(seed)
        self._loops = 0

    async def send(self) -> None:
        kinds = [self._openai, self._openai, self._anthropic, self._gemini, self._ollama]
        kinds += [self._responses, self._tool_loop, self._conversation]
        await self._chance.choice(kinds)()

    async def _post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        return await self._router.http.post(path, json=body, headers=headers)

    def _model(self) -> str:
        names = ("router", "router", "pair", "spread", "seeing", "quick", "any-one", "lab/flaky")
        return self._chance.choice((*names, "code", "nobody-knows-this", "lab/limited"))

    def _messages(self) -> list[dict[str, Any]]:
        text = self._chance.choice(TEXTS)
        if self._chance.random() < 0.1:
            image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
            return [{"role": "user", "content": [{"type": "text", "text": text}, image]}]
        return [{"role": "user", "content": text * self._chance.choice((1, 1, 40))}]

    async def _openai(self) -> None:
        body: dict[str, Any] = {"model": self._model(), "messages": self._messages()}
        if self._chance.random() < 0.3:
            body["tools"] = [TOOL]
        body["stream"] = self._chance.random() < 0.3
        path = self._chance.choice(("/v1/chat/completions", "/v1/providers/lab/chat/completions"))
        await self._post(path, body)

    async def _anthropic(self) -> None:
        body = {
            "model": self._model(),
            "max_tokens": 50,
            "messages": [{"role": "user", "content": self._chance.choice(TEXTS[:4])}],
        }
        await self._post("/v1/messages", body)

    async def _gemini(self) -> None:
        body = {"contents": [{"role": "user", "parts": [{"text": self._chance.choice(TEXTS[:4])}]}]}
        await self._post(f"/v1beta/models/{self._model()}:generateContent", body)

    async def _ollama(self) -> None:
        messages = [{"role": "user", "content": self._chance.choice(TEXTS[:4])}]
        body = {"model": self._model(), "messages": messages, "stream": False}
        await self._post("/api/chat", body)

    async def _responses(self) -> None:
        body: dict[str, Any] = {"model": self._model(), "input": self._chance.choice(TEXTS[:4])}
        first = await self._post("/v1/responses", body)
        if first.status_code == 200:
            body |= {"previous_response_id": first.json()["id"], "input": "and in Go?"}
            await self._post("/v1/responses", body)

    async def _tool_loop(self) -> None:
        """The same conversation again with the tool's answer."""
        self._loops += 1
        call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": f"{self._chance.choice(TEXTS)} {self._loops}"}
        ]
        body = {"model": self._model(), "messages": messages, "tools": [TOOL]}
        await self._post("/v1/chat/completions", body)
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ]
        await self._post("/v1/chat/completions", body)

    async def _conversation(self) -> None:
        session = f"s{self._chance.randrange(5)}"
        messages = [*self._messages(), {"role": "assistant", "content": "Here it is."}]
        body = {"model": "router", "messages": [*messages, *self._messages()]}
        await self._post("/v1/chat/completions", body, **{"x-session-id": session})


def prepare(provider: Provider) -> None:
    provider.on("fast", answer("Yes."))
    provider.on("one", answer("One."))
    provider.on("flaky", answer(), status(500), status(500), status(503), answer(), stream("a"))
    provider.on("two", answer("Two."), answer("2"), status(429, headers={"retry-after-ms": "80"}))
    provider.on("limited", status(429, headers={"retry-after-ms": "60"}), answer())


async def checked(router: RunningRouter, window: ReplayWindow | None = None) -> Checked:
    """Law 4 over what the router has logged."""
    read = partial(read_configuration, settings=read_settings(env_file=None), keyring=Keyring(KEYS))
    reader = router.router.store.reader
    ran_with = RanWith(reader.versions, read, await reader.prices.book())
    return await check(reader.replays, window or ReplayWindow(), ran_with, Keyring(KEYS))


async def generate(
    router: RunningRouter, provider: Provider, *, rounds: int, seed: int, versions: int = 3
) -> None:
    """So many rounds of four clients under each of some versions, which differ in turn."""
    prepare(provider)
    for version in range(versions):
        changed = dict(document(provider))
        if version % 3 == 1:
            changed["routing"] = {"mode": "local", "tools_category": "present"}
        if version % 3 == 2:
            changed["combos"] = {**changed["combos"], "pair": {"models": ["spare/two", "lab/fast"]}}
        await router.router.services.configuration.replace(changed, author="test")
        clients = [Traffic(router, seed * 1000 + version * 10 + n) for n in range(4)]
        for _ in range(rounds):
            await asyncio.gather(*(client.send() for client in clients))
    await router.settled()
