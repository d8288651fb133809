"""Printing: tables for people, JSON for programs, errors for both."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import click
import orjson

from llmrouter.core.errors import ConfigurationInvalid, FieldError, RouterError
from llmrouter.core.records import plain
from llmrouter.settings import SettingsInvalid
from llmrouter.store.errors import StoreError
from llmrouter.web.loops import LoopFactory

T = TypeVar("T")

PIPE_WIDTH = 200
"""Columns of a table that goes into a file or a pipe; nothing is folded there that need not be."""

TEXT_WIDTH = 100
"""Running text is not set wider than this."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def print_json(document: object) -> None:
    """A document as indented JSON."""
    click.echo(json_text(document))


def json_text(document: object) -> str:
    """A document as indented JSON, keys in the order they were put in."""
    return orjson.dumps(document, plain, orjson.OPT_INDENT_2).decode()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their headings; None is shown as a dash.  Columns of numbers are set right."""
    from rich.console import Console  # 2 MB that a server, which prints no table, has no use for
    from rich.markup import escape
    from rich.table import Table

    shown = [["-" if cell is None else escape(inert(str(cell))) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        numbers = all(_is_number(row[place]) for row in shown)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    for row in shown:
        table.add_row(*row)
    console = Console(highlight=False, width=page_width())
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def inert(text: str) -> str:
    """The text with escapes in place of what would steer a terminal: clients' words are anybody's.

    Line ends are among it.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def wrapped(text: str, *, indent: int, width: int = TEXT_WIDTH) -> str:
    """The text in lines that fit the page, all of them indented."""
    margin = " " * indent
    return textwrap.fill(
        text,
        width=min(width, page_width()),
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def page_width() -> int:
    """Columns to print in: the terminal's, or plenty where there is none."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return PIPE_WIDTH


def fail(message: str) -> NoReturn:
    """Ends the command: it failed, and this is why."""
    raise click.ClickException(message)


def run(work: Coroutine[Any, Any, T], *, loop_factory: LoopFactory | None = None) -> T:
    """Runs a command's work; errors that are meant for people become its message.

    SIGTERM interrupts it as Ctrl-C does, so that it can note how far it came.
    """

    def finished() -> T:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(_ended_by_sigterm(work))

    try:
        return explained(finished)
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


async def _ended_by_sigterm(work: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await work
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def explained(work: Callable[[], T]) -> T:
    """What some work gives; errors that are meant for people become the command's message."""
    try:
        return work()
    except RouterError as error:
        fail(error.message)
    except ConfigurationInvalid as error:
        fail(f"{error.source} is not valid:\n" + fault_lines(error.errors))
    except (SettingsInvalid, StoreError) as error:
        fail(str(error))


def fault_lines(faults: Iterable[FieldError]) -> str:
    """Each fault on a line of its own, indented."""
    return "\n".join(f"  {fault.field}: {fault.message}" for fault in faults)


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(",", "").lstrip("$").replace(".", "", 1).isdigit()
