"""The command line: thin commands, each loaded only when it is called.

Every command reads the same settings, prints for people on a terminal and JSON with ``--json``,
and exits 0 (done), 1 (it failed) or 2 (wrong use).
"""

from __future__ import annotations

import gc
from importlib import import_module
from types import ModuleType
from typing import Final

import click

from llmrouter import __version__

COMMANDS: Final = {
    "serve": ("llmrouter.cli.serve", "Run the router."),
    "demo": ("llmrouter.cli.demo", "A tour with simulated providers, then a server to try."),
    "migrate": ("llmrouter.cli.migrate", "Bring the database to this version's schema."),
    "config": ("llmrouter.cli.config", "Show, import, compare and roll back the configuration."),
    "explain": ("llmrouter.cli.explain", "Say how a message would be classified and routed."),
    "classify": ("llmrouter.cli.classify", "Measure the classification on prompts with labels."),
    "requests": ("llmrouter.cli.requests", "List requests, or tell the whole story of one."),
    "prices": ("llmrouter.cli.prices", "Show, set and import what models charge."),
    "errors": ("llmrouter.cli.errors", "List requests that were rejected, and why."),
    "replay": ("llmrouter.cli.replay", "Say what another configuration would have done."),
    "import": ("llmrouter.cli.importing", "Bring in the logs of other gateways and tools."),
    "report": ("llmrouter.cli.report", "Say what traffic cost, how fast it was, how it failed."),
    "reconcile": ("llmrouter.cli.reconcile", "Hold a vendor's invoice against the ledger."),
    "db": ("llmrouter.cli.db", "Check, measure, copy and tidy the ledger."),
    "doctor": ("llmrouter.cli.doctor", "Check keys, providers, database, port, safety."),
}
"""Each command's module (its ``command`` is what runs) and its line in the help."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = _loaded(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _loaded(module: str) -> ModuleType:
    """The module, and all that it needs.  What is loaded stays: the collector of cycles, which
    takes a sixth of the time to load a server, has nothing to look for in it, then or later."""
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="llmrouter", message="%(prog)s %(version)s")
def cli() -> None:
    """One OpenAI-compatible address that sends each request to the right model and can prove
    what it did."""
