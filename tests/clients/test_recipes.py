"""docs/clients.md: what can be run is run, and the rest is held against the code."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import tomllib
from typing import Any

import pytest

from docs.pages import ROOT, Block, blocks
from llmrouter.settings.process import Settings
from llmrouter.store.engine import DatabaseAddress
from llmrouter.web.endpoints import find_endpoint, is_client_path
from tests.provider import Provider
from tests.running import lab, running_router

PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
ADDRESS = "http://localhost:3456"
BLOCKS = list(blocks(PAGE))
TOOLS = (
    "Claude Code",
    "Codex",
    "Gemini CLI",
    "Cursor",
    "Cline",
    "Roo Code",
    "Continue",
    "Aider",
    "OpenClaw",
    "LangChain",
    "LlamaIndex",
    "Vercel AI SDK",
    "llm",
)
BASES = ("", "/v1", "/v1beta")
"""What clients put in front of the paths that they know."""


def named(block: Block) -> str:
    return f"line {block.line}"


RUNNABLE = [b for b in BLOCKS if b.language == "python" and b.not_run is None]


@pytest.mark.parametrize("block", RUNNABLE, ids=named)
async def test_a_library_s_recipe_prints_the_answer(
    block: Block, sqlite_database: DatabaseAddress
) -> None:
    names = ("tools", "code", "reasoning", "conversation")
    async with Provider() as provider:
        document = {**lab(provider), "categories": {n: {"models": ["lab/fast"]} for n in names}}
        async with running_router(sqlite_database, document) as router:
            code = block.text.replace(ADDRESS, f"http://127.0.0.1:{router.port}")
            assert code != block.text, "it names the address"
            printed = await asyncio.to_thread(_printed, code)

    assert printed.strip().endswith("Hello.")


def _printed(code: str) -> str:
    output, names = io.StringIO(), dict[str, Any]()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "docs/clients.md", "exec"), names)
    names["client"].close()
    return output.getvalue()


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_has_its_recipe(tool: str) -> None:
    headings = re.findall(r"^##+ (.+)$", PAGE, re.MULTILINE)
    assert any(tool in heading for heading in headings)


def test_the_port_is_the_one_that_the_router_listens_on() -> None:
    ports = set(re.findall(r"localhost:(\d+)", PAGE))
    assert ports == {str(Settings.model_fields["port"].default)}


def test_every_address_is_one_that_answers() -> None:
    for path in re.findall(rf"{ADDRESS}([^\s`\"')]*)", PAGE):
        assert path in BASES, path


def test_every_path_of_openclaw_s_table_is_an_endpoint() -> None:
    rows = re.findall(rf"^\| `([a-z-]+)` \| `{ADDRESS}\S*` \| `(/\S+)` \|", PAGE, re.MULTILINE)
    assert {api for api, _ in rows} == {
        "openai-completions",
        "openai-responses",
        "anthropic-messages",
        "ollama",
        "google-generative-ai",
    }
    for api, path in rows:
        endpoint = find_endpoint(path)
        assert endpoint is not None, api
        assert is_client_path(path)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in ("json", "toml")], ids=named)
def test_files_can_be_read(block: Block) -> None:
    read = json.loads(block.text) if block.language == "json" else tomllib.loads(block.text)
    assert ADDRESS in json.dumps(read)
