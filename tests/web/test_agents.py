"""Requests in the shape of OpenClaw's, with texts of our own: the person's words decide."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, answer, status
from tests.running import RunningRouter, running_router
from tests.web.conftest import categorised

CONTEXT = (
    "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nThe workspace holds python and code and tests.\n"
    "<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
)
CODE = "Write a Python function that parses a CSV file and fix the bug in my regex."
CHAT = "Good morning! How was your weekend?"
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("read", "write", "exec", "web_search")
]


def person(text: str, *, first: bool = True) -> list[dict[str, Any]]:
    """What OpenClaw makes of a person's text: an envelope, and a message behind it."""
    runtime = "\n\nRuntime: agent=main | session=main | sessionId=5e55-10 | shell=bash"
    return [
        {"role": "user", "content": f"[Fri 2026-11-20 17:50 UTC] {text}{runtime if first else ''}"},
        {"role": "user", "content": [{"type": "text", "text": CONTEXT}]},
    ]


def turn(*messages: dict[str, Any], tools: bool = True) -> dict[str, Any]:
    """A request of its, with everything that it always carries."""
    system = {"role": "system", "content": "You are an assistant running inside OpenClaw. " * 40}
    carried = {"tools": TOOLS, "tool_choice": "auto"} if tools else {}
    return {
        "model": "router", "messages": [system, *messages], "stream": True, **carried,
        "stream_options": {"include_usage": True}, "max_completion_tokens": 8192,
    }  # fmt: skip


def tool_loop(text: str) -> list[dict[str, Any]]:
    """The follow-up of a turn that called a tool, with its id rewritten."""
    call = {
        "id": "call000001",
        "type": "function",
        "function": {"name": "read", "arguments": '{"path": "essay.md"}'},
    }
    return [
        *person(text),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call000001", "content": "def main(): python code"},
        {"role": "user", "content": [{"type": "text", "text": CONTEXT}]},
    ]


async def category(router: RunningRouter, document: dict[str, Any]) -> tuple[str, str]:
    """Category and model of the reply."""
    async with router.http.stream("POST", "/chat/completions", json=document) as reply:
        await reply.aread()
    assert reply.status_code == 200
    return reply.headers["x-llmrouter-category"], reply.headers["x-llmrouter-model"]


async def test_two_questions_in_the_same_envelope_get_two_categories(
    router: RunningRouter,
) -> None:
    assert (await category(router, turn(*person(CODE))))[0] == "code"
    assert (await category(router, turn(*person(CHAT))))[0] == "conversation"
    assert router.ledger.count("request") == 2
    told = router.ledger.events("kind = 'request.validated'")
    assert {e.data.client for e in told} == {"openclaw"}  # type: ignore[union-attr]


async def test_a_tool_loop_keeps_its_model_and_category(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("conversation", answer(tool_calls=[("read", {"path": "essay.md"})]))
    begun = await category(router, turn(*person(CHAT)))
    assert await category(router, turn(*tool_loop(CHAT))) == begun
    decided = router.ledger.rows("SELECT decided_by, conversation_id FROM request ORDER BY id")
    assert decided[1]["decided_by"] == "tool_loop"
    assert decided[0]["conversation_id"] == decided[1]["conversation_id"] == "openclaw:5e55-10"


async def test_a_tool_loop_stays_with_the_model_that_fell_back(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("conversation", status(500), answer(tool_calls=[("read", {})]))
    assert (await category(router, turn(*person(CHAT))))[1] == "spare/conversation"
    provider.on("conversation", answer())
    assert (await category(router, turn(*tool_loop(CHAT))))[1] == "spare/conversation"
    assert (await category(router, turn(*person(CHAT, first=False))))[1] == "lab/conversation"


@pytest.mark.parametrize(
    ("rule", "agents", "plain"),
    [
        ("auto", "code", "tools"),
        ("present", "tools", "tools"),
        ("never", "code", "code"),
    ],
)
async def test_the_tools_rule(
    rule: str, agents: str, plain: str, provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    routing = {"mode": "keywords", "tools_category": rule}
    async with running_router(
        sqlite_database, {**categorised(provider), "routing": routing}
    ) as router:
        assert (await category(router, turn(*person(CODE))))[0] == agents
        from_sdk = {"messages": [{"role": "user", "content": CODE}], "tools": TOOLS}
        assert (await category(router, from_sdk))[0] == plain


async def test_a_target_without_tools_is_passed_over_when_an_agent_needs_them(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    document = {**categorised(provider), "models": {"lab/code": {"tools": False}}}
    async with running_router(sqlite_database, document) as router:
        assert await category(router, turn(*person(CODE))) == ("code", "spare/code")
        assert await category(router, turn(*person(CODE), tools=False)) == ("code", "lab/code")
