"""What the README and the API's reference show works as it is typed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from sqlalchemy import URL

from docs.pages import ROOT, Block, Pages, blocks
from llmrouter.dialects.registry import DIALECTS
from llmrouter.policy.defaults import load_document
from tests.docs.terminal import Terminal, clean_environment, serving

PAGES = Pages(ROOT)
STARTS, STOPPED = "starts a server", "server stopped"
POSTGRESQL = "postgresql://llmrouter:secret@localhost/llmrouter"

GUIDE = blocks(PAGES.read("README.md"))
REFERENCE = blocks(PAGES.read("docs/api.md"))


def test_what_the_readme_shows_works_as_it_is_typed(terminal: Terminal, tmp_path: Path) -> None:
    printed = ""
    for block in GUIDE:
        if block.language == "text":
            assert headers(block.text) <= headers(printed), f"README.md:{block.line}"
        elif block.not_run is None and block.note != STARTS:
            place = terminal.copied(tmp_path) if block.note == STOPPED else terminal
            printed = place.type(block)


def test_what_the_api_reference_shows_works_as_it_is_typed(terminal: Terminal) -> None:
    for block in REFERENCE:
        if block.language == "sh":
            assert terminal.type(block), f"docs/api.md:{block.line} printed nothing"


@pytest.mark.parametrize(
    "block",
    [block for block in GUIDE if block.note == STARTS],
    ids=lambda block: f"line {block.line}",
)
def test_servers_start_as_the_readme_starts_them(
    block: Block, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    text = block.text
    if POSTGRESQL in text:
        url: URL = request.getfixturevalue("postgres_ledger").url
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        text = text.replace(POSTGRESQL, shlex.quote(plain))

    with serving(["bash", "-c", text], tmp_path, clean_environment(tmp_path)) as (greeting, _):
        assert ("0.0.0.0" if "0.0.0.0" in text else "127.0.0.1") in greeting
        assert ("postgresql" if POSTGRESQL in block.text else "llmrouter.db") in greeting


def test_every_document_of_the_configuration_reference_is_valid() -> None:
    shown = [b for b in blocks(PAGES.read("docs/configuration.md")) if b.language == "json"]

    for block in shown:
        load_document(json.loads(block.text), source="docs", dialects=frozenset(DIALECTS))

    assert shown


def headers(text: str) -> set[str]:
    """The names of the router's own headers in a text."""
    return set(re.findall(r"^(x-llmrouter-[\w-]+):", text, re.MULTILINE))
