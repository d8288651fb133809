"""``llmrouter serve``: runs the router."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from llmrouter.bootstrap.joining import Router
from llmrouter.bootstrap.ledger import database_address
from llmrouter.bootstrap.running import running
from llmrouter.cli.output import explained, fail, run
from llmrouter.core.ids import MAX_NODE
from llmrouter.settings import Keyring, Settings, misspelt_variables, read_keyring, read_settings
from llmrouter.web.logs import RedactingFilter
from llmrouter.web.loops import LoopUnavailable, loop_factory
from llmrouter.web.serve import PortUnavailable, allow_many_files, listen, serve
from llmrouter.web.workers import Launch, Port, Supervisor, can_share_ports

COLLECTOR_THRESHOLDS = (5_000, 5, 100)
"""A request makes some hundred objects and leaves no cycle: looking for cycles every third request,
as Python does by itself, took a tenth of the time.  What holds thousands of streams is looked
through in pieces of some milliseconds, and as a whole very seldom."""


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
    "--workers",
    type=int,
    help="Processes that serve the port, each of them a node; more than one need PostgreSQL "
    "[LLMROUTER_WORKERS, 1].",
)
@click.option(
    "--insecure-no-auth",
    is_flag=True,
    help="Listen beyond this machine without any key. Anybody who reaches the port can use your "
    "providers' keys and change the configuration.",
)
@click.option("--socket", "descriptor", type=int, hidden=True)  # what a supervisor listens on
def command(
    host: str | None,
    port: int | None,
    config_file: Path | None,
    database_url: str | None,
    workers: int | None,
    insecure_no_auth: bool,
    descriptor: int | None,
) -> None:
    """Run the router until SIGTERM or Ctrl-C.

    Running requests then get LLMROUTER_DRAIN_S seconds to end; a second signal ends them at once.
    """
    settings = explained(
        lambda: read_settings(host=host, port=port, database_url=database_url, workers=workers)
    )
    try:
        factory = loop_factory(settings.event_loop)
    except LoopUnavailable as error:
        fail(str(error))
    refuse_open_door(settings, insecure_no_auth=insecure_no_auth)
    allow_many_files()
    if descriptor is not None:
        run(_work(settings, config_file, descriptor), loop_factory=factory)
        return
    if settings.workers == 1:
        run(_serve_alone(settings, config_file), loop_factory=factory)
        return
    refuse_workers(settings)
    in_order = run(_supervise(settings, config_file, insecure_no_auth=insecure_no_auth))
    sys.exit(0 if in_order else 1)


async def _serve_alone(settings: Settings, config_file: Path | None) -> None:
    keyring = _begin(settings)
    try:
        sock = listen(settings.host, settings.port)
    except PortUnavailable as error:
        _fail_for(error)
    await _serve(settings, keyring, config_file, sock, _greeting(settings, sock.getsockname()[1]))


async def _work(settings: Settings, config_file: Path | None, descriptor: int) -> None:
    """One of several: the door is its supervisor's, and it ends with it."""
    keyring = read_keyring()
    set_up_logging(settings, keyring)
    loop, lifeline = asyncio.get_running_loop(), sys.stdin.fileno()

    def supervisor_ended() -> None:
        loop.remove_reader(lifeline)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(lifeline, supervisor_ended)
    sock = socket.socket(fileno=descriptor)
    await _serve(settings, keyring, config_file, sock, "takes requests")


async def _supervise(
    settings: Settings, config_file: Path | None, *, insecure_no_auth: bool
) -> bool:
    """Whether everything ended in order."""
    _begin(settings)
    try:
        port = Port(settings.host, settings.port)
    except PortUnavailable as error:
        _fail_for(error)
    environment = {**os.environ, "LLMROUTER_HOST": settings.host}
    if settings.database_url is not None:  # not in the command, which everybody can read
        environment["LLMROUTER_DATABASE_URL"] = settings.database_url.get_secret_value()
    first_node = settings.node if "node" in settings.model_fields_set else None

    def prepare(number: int, descriptor: int) -> Launch:
        command = [sys.executable, "-m", "llmrouter", "serve", "--socket", str(descriptor)]
        if config_file is not None:
            command += ["--config", str(config_file)]
        if insecure_no_auth:
            command.append("--insecure-no-auth")
        if first_node is None:
            return Launch(command, environment)
        return Launch(command, {**environment, "LLMROUTER_NODE": str(first_node + number)})

    supervisor = Supervisor(port, settings.workers, prepare, click.echo)
    greeting = f"{_greeting(settings, port.number)}, {settings.workers} workers"
    return await supervisor.run(partial(click.echo, greeting))


def _begin(settings: Settings) -> Keyring:
    keyring = read_keyring()
    set_up_logging(settings, keyring)
    for fault in misspelt_variables():
        logging.getLogger(__name__).warning("%s", fault)
    return keyring


def _fail_for(error: PortUnavailable) -> NoReturn:
    fail(f"{error}. Stop what listens there, or choose another with --port or LLMROUTER_PORT.")


def _greeting(settings: Settings, port: int) -> str:
    shown_host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return (
        f"llmrouter listens on http://{shown_host}:{port} "
        f"(ledger: {database_address(settings).shown})"
    )


async def _serve(
    settings: Settings,
    keyring: Keyring,
    config_file: Path | None,
    sock: socket.socket,
    greeting: str,
) -> None:
    with sock:
        async with running(settings, keyring, config_file=config_file) as router:
            # What was loaded stays: the collector need not look through it again and again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECTOR_THRESHOLDS)
            leaving = asyncio.create_task(_leave_when_lost(router))
            router.drained = await serve(
                router.front,
                sock,
                traffic=router.traffic,
                drain_s=settings.drain_s,
                connections=settings.http_server,
                ready=partial(click.echo, greeting),
            )
            leaving.cancel()
            click.echo(f"stopped: {router.drained.drained} drained, {router.drained.cut} cut")


async def _leave_when_lost(router: Router) -> None:
    """Ends the process in order: started again, it takes a node that is free."""
    await router.store.lost.wait()
    os.kill(os.getpid(), signal.SIGTERM)


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


def refuse_workers(settings: Settings) -> None:
    """Ends the command when several processes cannot serve here."""
    if database_address(settings).kind == "sqlite":
        fail(
            f"{settings.workers} workers cannot share an SQLite file, which one process writes. "
            "Give them a PostgreSQL database (--database-url or LLMROUTER_DATABASE_URL: "
            "postgresql://user:password@host/name), or serve with --workers 1."
        )
    if not can_share_ports():
        fail("this system cannot spread one port over several processes; serve with --workers 1.")
    if settings.node + settings.workers > MAX_NODE + 1:
        fail(f"LLMROUTER_NODE {settings.node} leaves no room for {settings.workers} workers.")


def set_up_logging(settings: Settings, keyring: Keyring) -> None:
    """Logs to standard error, every secret redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter(keyring))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # Their debug logs hold whole headers and statements, and say nothing that ours do not.
    for name in (
        "alembic",
        "httpcore",
        "httpx",
        "hpack",
        "asyncio",
        "aiosqlite",
        "sqlalchemy",
        "urllib3",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("hypercorn").setLevel(logging.WARNING)
    asyncio.get_running_loop().slow_callback_duration = 0.1
