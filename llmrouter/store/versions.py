"""The router configuration's versions: numbered, hashed, never changed, each on top of the last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import orjson
from sqlalchemy import Connection, Row, Select, func, insert, select
from sqlalchemy.exc import IntegrityError

from llmrouter.core.clock import Clock
from llmrouter.core.errors import Conflict
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.store.changes import CONFIGURATION, announce
from llmrouter.store.schema import config_version
from llmrouter.store.snapshots import Snapshots
from llmrouter.store.writer import LedgerWriter

IMPORTED: Final = "file"
"""The author of versions that were imported from a file."""

_COLUMNS: Final = (
    config_version.c.version,
    config_version.c.document,
    config_version.c.sha256,
    config_version.c.parent,
    config_version.c.author,
    config_version.c.note,
    config_version.c.created_us,
)


class StoredVersions:
    """The versions as those see them who only read."""

    def __init__(self, ledger: Snapshots) -> None:
        self._ledger = ledger

    async def latest(self) -> ConfigurationVersion | None:
        """The newest version, None in an empty ledger."""
        return await self._first(_newest_first())

    async def get(self, number: int) -> ConfigurationVersion | None:
        """One version."""
        return await self._first(_newest_first().where(config_version.c.version == number))

    async def last_imported(self, note: str) -> ConfigurationVersion | None:
        """The newest version by author ``file`` with this note."""
        version = config_version.c
        return await self._first(
            _newest_first().where(version.author == IMPORTED, version.note == note)
        )

    async def list(
        self, *, before: int | None = None, limit: int = 100
    ) -> Sequence[ConfigurationVersion]:
        """Versions from the newest on, or from below ``before`` on."""
        statement = _newest_first().limit(limit)
        if before is not None:
            statement = statement.where(config_version.c.version < before)
        return await self._ledger.ask(_versions, statement)

    async def _first(self, statement: Select[Any]) -> ConfigurationVersion | None:
        return next(iter(await self._ledger.ask(_versions, statement.limit(1))), None)


class ConfigurationVersions(StoredVersions):
    """Implements `llmrouter.pipeline.ports.Versions`."""

    def __init__(self, ledger: Snapshots, writer: LedgerWriter, clock: Clock) -> None:
        super().__init__(ledger)
        self._writer = writer
        self._clock = clock

    async def add(
        self,
        document: Mapping[str, Any],
        *,
        parent: int | None,
        author: str,
        note: str | None = None,
    ) -> ConfigurationVersion:
        """A new version on top of ``parent``.

        Raises `Conflict` when ``parent`` is no longer the newest: of two that change the same
        version, one wins and the other is told.
        """
        made = ConfigurationVersion(
            number=(parent or 0) + 1,
            document=document,
            sha256=document_sha256(document),
            parent=parent,
            author=author,
            note=note,
            created_us=self._clock.now_us(),
        )
        try:
            await self._writer.transact(lambda connection: _insert(connection, made))
        except IntegrityError:
            # Another process added this very number between our look and our insert.
            _refuse(parent)
        return made


def document_sha256(document: Mapping[str, Any]) -> str:
    """The hash of a document, whatever the order of its members."""
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _insert(connection: Connection, made: ConfigurationVersion) -> None:
    newest = connection.execute(select(func.max(config_version.c.version))).scalar()
    if newest != made.parent:
        _refuse(made.parent)
    connection.execute(
        insert(config_version).values(
            version=made.number,
            created_us=made.created_us,
            parent=made.parent,
            author=made.author,
            note=made.note,
            sha256=made.sha256,
            document=made.document,
        )
    )
    announce(connection, CONFIGURATION)


def _refuse(parent: int | None) -> NoReturn:
    raise Conflict(
        f"configuration version {parent} is no longer the newest; read the newest one and make the "
        "change again",
        code="version_conflict",
    )


def _newest_first() -> Select[Any]:
    return select(*_COLUMNS).order_by(config_version.c.version.desc())


def _versions(connection: Connection, statement: Select[Any]) -> list[ConfigurationVersion]:
    return [_version(row) for row in connection.execute(statement)]


def _version(row: Row[Any]) -> ConfigurationVersion:
    return ConfigurationVersion(
        number=row.version,
        document=row.document,
        sha256=row.sha256,
        parent=row.parent,
        author=row.author,
        note=row.note,
        created_us=row.created_us,
    )
