"""``llmrouter demo``: the tour."""

from __future__ import annotations

import sys

import click

from llmrouter.cli.output import run
from llmrouter.demo.page import Page
from llmrouter.demo.performance import perform


@click.command(name="demo", epilog="\b\nExamples:\n  llmrouter demo\n  llmrouter demo --once")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=3456,
    show_default=True,
    help="Where to listen; a free port when it is taken.",
)
@click.option("--once", is_flag=True, help="End after the tour instead of serving on.")
def command(port: int, once: bool) -> None:
    """Show what the router does, with simulated providers; then serve, to be tried.

    Everything is simulated but the router itself: nothing leaves this machine, and no key, setting
    or file of yours is read or written.
    """
    page = Page(lambda text: click.echo(text, nl=False), coloured=sys.stdout.isatty())
    run(perform(page, port=port, once=once))
