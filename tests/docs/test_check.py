"""The check of the documents finds what it is there for."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from docs.check import faults_in
from docs.pages import ROOT, Pages

REGISTRY = ".".join(("pypi", "org"))
HOME = "/".join(("", "home", "somebody", "llmrouter"))


Spoil = Callable[[str, str, str], list[str]]


@pytest.fixture(scope="module")
def spoil(tmp_path_factory: pytest.TempPathFactory) -> Spoil:
    """Replaces a text in a copy of the documents, and gives the faults that it makes."""
    pages = Pages(tmp_path_factory.mktemp("copy"))
    for name in Pages(ROOT).documents():
        (pages.root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, pages.root / name)
    (pages.root / "LICENSE").touch()
    before_all = set(faults_in(pages))

    def replaced(name: str, before: str, after: str) -> list[str]:
        text = pages.read(name)
        assert before in text
        (pages.root / name).write_text(text.replace(before, after, 1))
        try:
            return sorted(set(faults_in(pages)) - before_all)
        finally:
            (pages.root / name).write_text(text)

    return replaced


@pytest.mark.parametrize(
    ("name", "before", "after", "found"),
    [
        ("docs/events.md", "how the attempt went", "how it is", "run `python -m docs.generate`"),
        ("docs/configuration.md", "| `3456` |", "| `3457` |", "run `python -m docs.generate`"),
        ("docs/cli.md", "Run the router", "Walk the router", "run `python -m docs.cli > "),
        ("README.md", "(docs/faults.md)", "(docs/fault.md)", "docs/fault.md leads nowhere"),
        ("docs/faults.md", "api.md#errors", "api.md#wrongs", "leads to no heading"),
        ("README.fr.md", '"maxTokens": 8192', '"maxTokens": 4096', "is not the block of README.md"),
        ("README.fr.md", "## PostgreSQL", "PostgreSQL", "has not the same headings"),
        ("README.fr.md", "](docs/api.md)", "](docs/sql.md)", "has not the same links"),
        ("README.md", "starts a server -->", "not run: why not -->", "blocks are not run"),
        ("README.md", "LLMROUTER_BODIES_MB", "LLMROUTER_BODYS_MB", "no setting LLMROUTER_BODYS_MB"),
        ("docs/api.md", "### `PUT /config`", "### Replacing", "PUT /config is not documented"),
        (
            "docs/api.md",
            "### `POST /explain`",
            "### `POST /explane`",
            "explane is documented and not",
        ),
        (
            "docs/api.md",
            "`POST /v1/responses`",
            "`POST /v1/replies`",
            "/responses is not documented",
        ),
        (
            "README.md",
            "| `llmrouter migrate`",
            "| `migrate`",
            "`llmrouter migrate` is not document",
        ),
        (
            "docs/faults.md",
            "`llmrouter errors`",
            "`llmrouter erors`",
            "no command `llmrouter erors`",
        ),
        ("docs/api.md", "## Health", f"{HOME}\n\n## Health", "is a path of one machine"),
        ("docs/api.md", "## Health", f"https://{REGISTRY}/\n\n## Health", "is a package registry"),
    ],
)
def test_a_fault_is_found(spoil: Spoil, name: str, before: str, after: str, found: str) -> None:
    faults = spoil(name, before, after)

    assert any(found in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# tous les tests", "# chacun des tests"),
        ('"content": "Bonjour ! Comment vas-tu ?"', '"content": "Salut !"'),
    ],
)
def test_comments_and_prompts_may_be_translated(spoil: Spoil, before: str, after: str) -> None:
    assert spoil("README.fr.md", before, after) == []
