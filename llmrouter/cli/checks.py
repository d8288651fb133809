"""`doctor`'s checks of settings, configuration, database, port and stored prompts."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from llmrouter.cli.configuration import checked
from llmrouter.cli.findings import Finding
from llmrouter.cli.ledger import database, reading
from llmrouter.cli.server_calls import ask_health, server_url
from llmrouter.core.configuration import RouterConfig
from llmrouter.core.errors import ConfigurationInvalid
from llmrouter.documents import read_configuration
from llmrouter.settings import Keyring, Settings, misspelt_variables
from llmrouter.store.condition import examine, exists
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.errors import StoreError

CONFIG_FILE: Final = Path("router_config.json")
SOUND_SQLITE: Final = (3, 51, 3)
"""Before it, two connections that write or checkpoint at once can corrupt a WAL database."""


def check_settings() -> Sequence[Finding]:
    """Whether the environment can be understood."""
    findings = [Finding("environment", "ok", "every setting is understood")]
    findings += [
        Finding(fault.variable, "warning", fault.message, "rename or remove it")
        for fault in misspelt_variables()
    ]
    return findings


async def check_configuration(
    settings: Settings, keyring: Keyring
) -> tuple[RouterConfig | None, Sequence[Finding]]:
    """The configuration that a server would run, None when it could not, and what was found."""
    findings: list[Finding] = []
    config = None
    try:
        number, document = await _newest(settings)
        source = f"configuration version {number}" if number else "the built-in configuration"
        config = read_configuration(document, source, settings=settings, keyring=keyring)
        routes = ", ".join([*config.categories, *config.combos])
        said = f"valid, mode {config.routing.mode}, routes {routes}"
        findings.append(Finding(source, "ok", said))
    except StoreError:
        # Said in full under Database; what the server would run cannot be known.
        findings.append(Finding("versions", "warning", "cannot be read; see Database"))
        config = read_configuration({}, "built in", settings=settings, keyring=keyring)
    except ConfigurationInvalid as error:
        findings += _faults(error, "`llmrouter config rollback` to a version that is valid")
    if CONFIG_FILE.exists():
        findings += await _file_findings()
    return config, findings


async def _newest(settings: Settings) -> tuple[int, dict[str, object]]:
    if not exists(database(settings)):
        return 0, {}
    async with reading(settings) as reader:
        version = await reader.versions.latest()
        return (version.number, dict(version.document)) if version else (0, {})


async def _file_findings() -> Sequence[Finding]:
    try:
        await checked(CONFIG_FILE)
    except ConfigurationInvalid as error:
        return _faults(error, f"correct {CONFIG_FILE}: `serve` does not start with it")
    return [Finding(str(CONFIG_FILE), "ok", "valid; `serve` imports and watches it here")]


def _faults(error: ConfigurationInvalid, remedy: str) -> list[Finding]:
    return [
        Finding(error.source, "failed", f"{fault.field}: {fault.message}", remedy)
        for fault in error.errors
    ]


def check_database(settings: Settings, address: DatabaseAddress) -> Sequence[Finding]:
    """Whether the ledger can be written and has this program's schema."""
    findings = [_database_condition(settings, address)]
    if address.path is not None and sqlite3.sqlite_version_info < SOUND_SQLITE:
        findings.append(
            Finding(
                "SQLite",
                "note",
                f"{sqlite3.sqlite_version} is older than 3.51.3 and can corrupt a file that two "
                "programs write at once; the router writes by one connection alone",
                "only read the file with other programs while the router runs (sqlite3 -readonly)",
            )
        )
    return findings


def _database_condition(settings: Settings, address: DatabaseAddress) -> Finding:
    node = settings.node if "node" in settings.model_fields_set else None
    try:
        condition = examine(address, node)
    except StoreError as error:
        return Finding("ledger", "failed", str(error), "as it says; then `llmrouter doctor` again")
    if condition.revision is None:
        return Finding("ledger", "ok", f"none at {address.shown} yet; the first start makes it")
    if not condition.is_current:
        return Finding(
            "ledger",
            "warning",
            f"{address.shown} has schema {condition.revision}, the newest is {condition.newest}",
            "`llmrouter migrate`, or let the next start do it",
        )
    used = f"in use by {condition.holder}" if condition.holder else "writable"
    return Finding("ledger", "ok", f"{address.shown} is sound, {used}, schema {condition.newest}")


def check_port(settings: Settings) -> Finding:
    """Whether the server can listen, or does already."""
    where = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        version = ask_health(settings)
        if version is not None:
            said = f"llmrouter {version} serves at {server_url(settings)}"
            return Finding(where, "ok", said)
        return Finding(
            where,
            "failed",
            f"cannot be listened on: {error.strerror}",
            "stop what listens there, or choose another with LLMROUTER_PORT and LLMROUTER_HOST",
        )
    return Finding(where, "ok", "free; no server listens there now")


def check_prompts(settings: Settings, address: DatabaseAddress) -> Finding:
    """What is kept of the requests' texts, where, and how to stop it."""
    bodies = settings.bodies
    if bodies.keep == "off":
        return Finding("bodies", "ok", "prompts are not stored (LLMROUTER_BODIES=off)")
    which = {
        "all": "every prompt is stored",
        "errors": "the prompts of failed requests are stored",
        "sample": f"{bodies.share:.0%} of all prompts are stored",
    }[bodies.keep]
    return Finding(
        "bodies",
        "note",
        f"{which} for replay, compressed, in {address.shown} (tables body and message), for "
        f"{settings.bodies_days} days and up to {settings.bodies_mb} MB",
        "LLMROUTER_BODIES=off stops it; LLMROUTER_BODIES_DAYS and LLMROUTER_BODIES_MB bound it",
    )
