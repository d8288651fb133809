"""What the `config` commands do: reading versions and files, and writing new versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from llmrouter.cli.ledger import database, reading
from llmrouter.cli.output import fail
from llmrouter.cli.server_calls import call_server, server_url
from llmrouter.core.configuration import RouterConfig
from llmrouter.core.errors import ConfigurationInvalid, FieldError
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.core.records import Record
from llmrouter.documents import read_configuration
from llmrouter.pipeline.active import ActiveConfiguration, file_note
from llmrouter.policy.defaults import Change
from llmrouter.policy.defaults import diff as document_diff
from llmrouter.policy.seeds import as_document, notes, parse_text, seeds_view
from llmrouter.settings import Settings, read_keyring, read_settings
from llmrouter.store.errors import DatabaseInUse
from llmrouter.store.versions import IMPORTED

T = TypeVar("T")

AUTHOR = "cli"


class Loaded(Record):
    """A version, the configuration that it means here, and its flat form."""

    version: ConfigurationVersion
    config: RouterConfig
    seeds: Mapping[str, Any]


class Checked(Record):
    """A file that is valid; ``notes`` are what it says without effect."""

    document: Mapping[str, Any]
    config: RouterConfig
    notes: Sequence[FieldError]


class Made(Record):
    """The version that a change led to, and where it counts."""

    number: int
    where: str
    changed: bool = True


async def loaded(number: int | None) -> Loaded:
    """A version, the newest when no number is given."""
    settings, keyring = read_settings(), read_keyring()
    version = await _version(settings, number)
    source = f"configuration version {version.number}"
    config = read_configuration(version.document, source, settings=settings, keyring=keyring)
    seeds = seeds_view(
        config,
        ollama_base_url=settings.ollama_base_url,
        ollama_model=settings.ollama_router_model,
    )
    return Loaded(version, config, seeds)


async def listed(limit: int) -> Sequence[ConfigurationVersion]:
    """The newest versions, newest first."""
    async with reading(read_settings()) as reader:
        return await reader.versions.list(limit=limit)


async def checked(file: Path) -> Checked:
    """A file's configuration.  Raises `ConfigurationInvalid` with every fault."""
    settings, keyring = read_settings(), read_keyring()
    parsed = _parsed(file)
    document = as_document(parsed, source=str(file))
    config = read_configuration(document, str(file), settings=settings, keyring=keyring)
    return Checked(document, config, notes(parsed) if document is not parsed else ())


async def compared(a: str, b: str) -> Sequence[Change]:
    """The changes from one document to the other, each a version's number or a file."""
    settings = read_settings()
    return document_diff(await _document(settings, a), await _document(settings, b))


async def bring_in(file: Path, document: Mapping[str, Any], note: str | None) -> Made:
    """Makes a file's document the running configuration; one that says the same changes nothing.

    It is kept as the server keeps its imports, which then does not import the same file again.
    """
    note = note or file_note(file)

    async def through_store(active: ActiveConfiguration) -> Made:
        if active.version.document == document:
            return Made(active.version.number, "", changed=False)
        made = await active.replace(document, author=IMPORTED, note=note)
        return Made(made.number, _AT_NEXT_START)

    return await change_ledger(through_store, _replaced_by_server(document, note))


async def adopt(document: Mapping[str, Any], note: str) -> Made:
    """Makes a document the running configuration; one that says the same changes nothing."""

    async def through_store(active: ActiveConfiguration) -> Made:
        if active.version.document == document:
            return Made(active.version.number, "", changed=False)
        made = await active.replace(document, author=AUTHOR, note=note)
        return Made(made.number, _AT_NEXT_START)

    return await change_ledger(through_store, _replaced_by_server(document, note))


async def roll_back(number: int) -> Made:
    """Makes an earlier version's document the newest version."""

    async def through_store(active: ActiveConfiguration) -> Made:
        made = await active.rollback(number, author=AUTHOR)
        return Made(made.number, _AT_NEXT_START)

    def through_server(settings: Settings, running: ConfigurationVersion) -> Made:
        answer = call_server(settings, "POST", "/config/rollback", {"version": number})
        return Made(answer["version"], _at(settings))

    return await change_ledger(through_store, through_server)


def _replaced_by_server(
    document: Mapping[str, Any], note: str
) -> Callable[[Settings, ConfigurationVersion], Made]:
    def through_server(settings: Settings, running: ConfigurationVersion) -> Made:
        if running.document == document:
            return Made(running.number, "", changed=False)
        answer = call_server(settings, "PUT", "/config", document, query={"note": note})
        return Made(answer["version"], _at(settings))

    return through_server


_AT_NEXT_START = "and counts from the server's next start on"


def _at(settings: Settings) -> str:
    return f"which {server_url(settings)} runs already"


async def change_ledger(
    through_store: Callable[[ActiveConfiguration], Awaitable[T]],
    through_server: Callable[[Settings, ConfigurationVersion], T],
) -> T:
    """Makes a change in the ledger, or through the server that holds it."""
    # It loads every room of the store and the server: commands that only read go without.
    from llmrouter.bootstrap.ledger import changing_configuration

    settings, keyring = read_settings(), read_keyring()
    try:
        async with changing_configuration(settings, keyring) as active:
            return await through_store(active)
    except DatabaseInUse as error:
        return through_server(settings, await _running_version(settings, error))


async def _running_version(settings: Settings, error: DatabaseInUse) -> ConfigurationVersion:
    """The version that the server runs, once it is sure that it is this ledger's server."""
    newest = await _version(settings, None)
    try:
        answer = call_server(settings, "GET", "/config/versions", query={"limit": "1"})
    except ConnectionError as silence:
        fail(
            f"{error}; and {silence}. If a server holds it, say where it listens with "
            "LLMROUTER_HOST and LLMROUTER_PORT."
        )
    running = answer["versions"][0]
    if (running["version"], running["created_us"]) != (newest.number, newest.created_us):
        fail(
            f"{server_url(settings)} answers, and keeps another ledger than "
            f"{database(settings).shown}. Say where this ledger's server listens with "
            "LLMROUTER_HOST and LLMROUTER_PORT."
        )
    return newest


async def _version(settings: Settings, number: int | None) -> ConfigurationVersion:
    async with reading(settings) as reader:
        versions = reader.versions
        found = await (versions.latest() if number is None else versions.get(number))
        if found is None:
            newest = await versions.latest()
            known = f"the newest is {newest.number}" if newest else "the ledger has none yet"
            fail(f"there is no configuration version {number}; {known}")
        return found


async def _document(settings: Settings, given: str) -> Mapping[str, Any]:
    if given.isascii() and given.isdigit():
        return (await _version(settings, int(given))).document
    return as_document(_parsed(Path(given)), source=given)


def _parsed(file: Path) -> Mapping[str, Any]:
    try:
        return parse_text(file.read_text("utf-8-sig"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationInvalid(
            [FieldError("file", f"cannot be read: {reason}")], source=str(file)
        ) from error
