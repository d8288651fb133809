"""The documents as the checks and tests read them: code blocks, links, generated parts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""This checkout."""

_SKIPPED: Final = frozenset({"__pycache__", "dist", "node_modules"})
"""Folders that hold nothing committed, beside those with a dot in front."""

_FENCE: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NOTE: Final = re.compile(r"<!-- (?P<note>[^>]*?) -->\n\Z")
_HEADING: Final = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_GENERATED: Final = re.compile(
    r"(?P<begin><!-- generated: (?P<part>[\w-]+)[^>]*-->\n)(?P<text>.*?)(?P<end><!-- end -->)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code; ``note`` is the HTML comment on the line before it.

    ``line`` is that of its first line of code.
    """

    language: str
    text: str
    note: str
    heading: str
    line: int

    @property
    def not_run(self) -> str | None:
        """Why no test executes it; None when one does."""
        return self._said("not run: ")

    @property
    def file(self) -> str | None:
        """The file that it is the content of."""
        return self._said("file: ")

    def _said(self, mark: str) -> str | None:
        return self.note.removeprefix(mark) if self.note.startswith(mark) else None


@dataclass(frozen=True, slots=True)
class Pages:
    """A checkout's documents; names are relative to its root."""

    root: Path

    def read(self, name: str | Path) -> str:
        """A file's text."""
        return (self.root / name).read_text("utf-8")

    def documents(self) -> list[Path]:
        """Every Markdown file that is for people."""
        found = [*self.root.glob("*.md"), *(self.root / "docs").rglob("*.md")]
        return sorted(path.relative_to(self.root) for path in found)

    def files(self) -> Iterator[Path]:
        """Every file that is committed."""
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in _SKIPPED and (f == ".ci" or f[0] != ".")]
            yield from (
                Path(folder, name).relative_to(self.root)
                for name in names
                # In a worktree of git's, .git is a file that names another folder.
                if not name.startswith(".env") and name != ".git"
            )


def blocks(text: str) -> list[Block]:
    """The blocks of code, in order."""
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        note = _NOTE.search(before)
        headings = _HEADING.findall(before)
        found.append(
            Block(
                match["language"],
                match["text"],
                note["note"] if note else "",
                headings[-1][1] if headings else "",
                before.count("\n") + 2,
            )
        )
    return found


def links(text: str) -> list[str]:
    """Where the links of the prose lead; code is left out."""
    return [match["target"] for match in _LINK.finditer(_without_code(text))]


def headings(text: str) -> list[tuple[int, str]]:
    """The headings, each with its depth."""
    return [(len(marks), title) for marks, title in _HEADING.findall(_without_blocks(text))]


def anchors(text: str) -> set[str]:
    """The fragments that lead to a heading."""
    return {_anchor(title) for _, title in headings(text)}


def with_parts(text: str, parts: Mapping[str, str]) -> str:
    """The text with every generated part as it should be.  Raises ``KeyError`` for a part that
    nobody generates."""

    def filled(match: re.Match[str]) -> str:
        return f"{match['begin']}\n{parts[match['part']]}\n\n{match['end']}"

    return _GENERATED.sub(filled, text)


def part_names(text: str) -> Iterator[str]:
    """The generated parts that a text has."""
    return (match["part"] for match in _GENERATED.finditer(text))


def _anchor(title: str) -> str:
    """As GitHub makes it."""
    plain = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower())
    return plain.strip().replace(" ", "-")


def _without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _without_blocks(text))
