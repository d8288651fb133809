"""``llmrouter serve``: runs the router."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from functools import partial
from pathlib import Path

import click

from llmrouter.bootstrap import database_address, running
from llmrouter.cli.output import explained, fail, run
from llmrouter.settings import Keyring, Settings, misspelt_variables, read_keyring, read_settings
from llmrouter.web.logs import RedactingFilter
from llmrouter.web.loops import LoopUnavailable, loop_factory
from llmrouter.web.serve import PortUnavailable, listen, serve

COLLECTOR_THRESHOLDS = (10_000, 20, 20)
"""A request makes some hundred objects and hardly a cycle: looking for cycles every third request,
as Python does by itself, took a tenth of the time."""


@click.command(
    name="serve",
    epilog="\b\nExamples:\n  llmrouter serve\n"
    "  llmrouter serve --host 127.0.0.1 --config router_config.json",
)
@click.option("--host", help="The address to listen on [LLMROUTER_HOST, 127.0.0.1].")
@click.option("--port", type=int, help="The port to listen on [LLMROUTER_PORT, 3456].")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A configuration file to import and watch [router_config.json, if it is here].",
)
@click.option("--database-url", help="The ledger's database [LLMROUTER_DATABASE_URL].")
@click.option(
    "--insecure-no-auth",
    is_flag=True,
    help="Listen beyond this machine without any key. Anybody who reaches the port can use your "
    "providers' keys and change the configuration.",
)
def command(
    host: str | None,
    port: int | None,
    config_file: Path | None,
    database_url: str | None,
    insecure_no_auth: bool,
) -> None:
    """Run the router until SIGTERM or Ctrl-C.

    Running requests then get LLMROUTER_DRAIN_S seconds to end; a second signal ends them at once.
    """
    settings = explained(lambda: read_settings(host=host, port=port, database_url=database_url))
    try:
        factory = loop_factory(settings.event_loop)
    except LoopUnavailable as error:
        fail(str(error))
    run(_serve(settings, config_file, insecure_no_auth), loop_factory=factory)


async def _serve(settings: Settings, config_file: Path | None, insecure_no_auth: bool) -> None:
    keyring = read_keyring()
    refuse_open_door(settings, insecure_no_auth=insecure_no_auth)
    set_up_logging(settings, keyring)
    for fault in misspelt_variables():
        logging.getLogger(__name__).warning("%s", fault)
    try:
        sock = listen(settings.host, settings.port)
    except PortUnavailable as error:
        fail(f"{error}. Stop what listens there, or choose another with --port or LLMROUTER_PORT.")
    with sock:
        async with running(settings, keyring, config_file=config_file) as router:
            shown_host = f"[{settings.host}]" if ":" in settings.host else settings.host
            greeting = (
                f"llmrouter listens on http://{shown_host}:{sock.getsockname()[1]} "
                f"(ledger: {database_address(settings).shown})"
            )
            # What was loaded stays: the collector need not look through it again and again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECTOR_THRESHOLDS)
            router.drained = await serve(
                router.front,
                sock,
                traffic=router.traffic,
                drain_s=settings.drain_s,
                connections=settings.http_server,
                ready=partial(click.echo, greeting),
            )
            click.echo(f"stopped: {router.drained.drained} drained, {router.drained.cut} cut")


def refuse_open_door(settings: Settings, *, insecure_no_auth: bool) -> None:
    """Ends the command when others could reach the server and nothing would ask who they are."""
    if settings.is_loopback or insecure_no_auth:
        return
    missing = [
        name
        for name, secret in (
            ("LLMROUTER_API_KEY", settings.api_key),
            ("LLMROUTER_ADMIN_TOKEN", settings.admin_token),
        )
        if secret is None
    ]
    if missing:
        fail(
            f"{settings.host} can be reached from other machines, and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set. Set them, or listen on 127.0.0.1, "
            "or say --insecure-no-auth if everybody on that network may use your keys."
        )


def set_up_logging(settings: Settings, keyring: Keyring) -> None:
    """Logs to standard error, every secret redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter(keyring))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # Their debug logs hold whole headers and statements, and say nothing that ours do not.
    for name in ("alembic", "httpcore", "httpx", "hpack", "asyncio", "aiosqlite", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("hypercorn").setLevel(logging.WARNING)
    asyncio.get_running_loop().slow_callback_duration = 0.1
