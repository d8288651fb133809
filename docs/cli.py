"""Prints docs/cli.md: the command line's reference, from the commands themselves.

``python -m docs.cli > docs/cli.md`` writes it; `docs.check` compares.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click

from llmrouter.cli import cli

HEAD = """# The command line

<!-- Printed by `python -m docs.cli` from the commands; do not edit. -->

`llmrouter` reads its settings from the environment and from `.env`. Every command prints text for
people, or JSON with `--json` where it has it, and exits with 0 (done), 1 (it failed, and standard
error says why and what to do) or 2 (it was called wrongly). Commands that read work beside a
running server; those that change the configuration go through it.
"""


def reference() -> str:
    """The whole page."""
    context = click.Context(cli, info_name="llmrouter")
    return "\n".join([HEAD, *_commands(cli, context)])


def _commands(group: click.Group, above: click.Context) -> Iterator[str]:
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        if command is None:
            continue
        context = click.Context(command, info_name=name, parent=above)
        yield from _command(command, context)
        if isinstance(command, click.Group):
            yield from _commands(command, context)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## `{usage}`\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    options = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and "--help" not in parameter.opts
        and (record := parameter.get_help_record(context))
    ]
    if options:
        yield "| option | |\n|---|---|"
        for names, help_text in options:
            yield f"| `{_cell(names)}` | {_cell(help_text)} |"
        yield ""
    examples = [line.strip() for line in (command.epilog or "").splitlines()]
    examples = [line for line in examples if line.startswith("llmrouter ")]
    if examples:
        yield "\n".join(["```sh", *examples, "```\n"])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.stdout.write(reference())
