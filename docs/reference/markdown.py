"""Writing Markdown: tables, code, and docstrings as prose."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells may hold Markdown, but no line breaks."""
    lines = [_row(headings), "|" + "---|" * len(headings)]
    lines += [_row(row) for row in rows]
    return "\n".join(lines)


def code(text: object) -> str:
    """A word of code."""
    return f"`{text}`"


def either(words: Iterable[object]) -> str:
    """Words of code with commas and an "or"."""
    coded = [code(word) for word in words]
    return coded[0] if len(coded) == 1 else ", ".join(coded[:-1]) + " or " + coded[-1]


def prose(documented: object) -> str:
    """A docstring as paragraphs of Markdown, each on one line."""
    text = (inspect.getdoc(documented) or "").replace("``", "`")
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return "\n\n".join(re.sub(r"`llmrouter(\.\w+)+`", _as_path, p) for p in paragraphs)


def sentence(text: str) -> str:
    """The text as a sentence: a capital first, a full stop last."""
    if not text:
        return text
    stop = "" if text.endswith((".", "!", "?")) else "."
    return text[:1].upper() + text[1:] + stop


def _as_path(found: re.Match[str]) -> str:
    return found[0].replace(".", "/").removesuffix("`") + ".py`"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|").strip() for cell in cells) + " |"
