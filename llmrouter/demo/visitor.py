"""The tour's client: plain HTTP to the served port, as anybody's program would send it."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from llmrouter.core.records import Record
from llmrouter.demo.cast import WEATHER_TOOL, Prompt

TIMEOUT_S = 20.0


class Visit(Record):
    """An answer: what its headers said, and the ledger's story of the request."""

    prompt: Prompt
    category: str
    model: str
    attempts: int
    story: Mapping[str, Any]

    @property
    def evidence(self) -> str:
        """Why it got its category, in a few words."""
        found = self.story["classification"]
        return ", ".join(found["evidence"]) or f"decided by {found['decided_by']}"

    @property
    def duration_ms(self) -> float:
        return float(self.story["request"]["duration_ms"])

    @property
    def cost_usd(self) -> float | None:
        cost = self.story["request"]["cost_usd"]
        return None if cost is None else float(cost)

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        """What the ledger knows of one kind of event, in order."""
        return [event["data"] for event in self.story["events"] if event["kind"] == kind]


class Visitor:
    """Asks the router over HTTP, in a thread, past any proxy of the environment's."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    async def ask(self, prompt: Prompt) -> Visit:
        """Sends a prompt, reads the whole answer, and looks up what was done."""
        headers = await asyncio.to_thread(self._send, "/v1/chat/completions", body_of(prompt))
        story = await self.get(f"/requests/{headers['x-llmrouter-request-id']}")
        return Visit(
            prompt=prompt,
            category=headers["x-llmrouter-category"],
            model=headers["x-llmrouter-model"],
            attempts=int(headers["x-llmrouter-attempts"]),
            story=story,
        )

    async def explain(self, text: str) -> Mapping[str, Any]:
        """What would happen to a text."""
        body = body_of(Prompt(text))
        return _object((await asyncio.to_thread(self._open, "/explain", body))[1])

    async def get(self, path: str) -> Mapping[str, Any]:
        """A JSON answer."""
        return _object((await asyncio.to_thread(self._open, path, None))[1])

    def _send(self, path: str, body: Mapping[str, Any]) -> Mapping[str, str]:
        return self._open(path, body)[0]

    def _open(self, path: str, body: Mapping[str, Any] | None) -> tuple[Mapping[str, str], bytes]:
        request = urllib.request.Request(  # noqa: S310  # the base URL is our own http://
            self._base_url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with self._direct.open(request, timeout=TIMEOUT_S) as answer:
            return {k.lower(): v for k, v in answer.headers.items()}, answer.read()


def _object(text: bytes) -> Mapping[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document


def body_of(prompt: Prompt) -> dict[str, Any]:
    """The chat request that asks a prompt."""
    body: dict[str, Any] = {
        "model": "router",
        "messages": [{"role": "user", "content": prompt.text}],
    }
    if prompt.stream:
        body["stream"] = True
    if prompt.tools:
        body["tools"] = [WEATHER_TOOL]
    return body
