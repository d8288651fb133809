"""The schema: made, brought up to date, taken back, and refused."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from llmrouter.core.clock import FakeClock
from llmrouter.store import migrate, schema
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.store.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    DatabaseTooNew,
    DatabaseUnwritable,
)
from llmrouter.store.opening import StoreSettings, open_store
from llmrouter.store.views import VIEW_NAMES
from tests.store.samples import BODY, NOW_US, answered, ask, locked, rejected


def shape(connection: Connection) -> dict[str, Any]:
    """Everything that a schema is made of, by table."""
    inspector = inspect(connection)
    without_rowid = (
        connection.scalars(
            text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")
        ).all()
        if connection.dialect.name == "sqlite"
        else []
    )
    return {
        name: {
            "columns": [
                (c["name"], repr(c["type"]), c["nullable"], c["default"])
                for c in inspector.get_columns(name)
            ],
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "indexes": [
                [
                    index["name"],
                    index["column_names"],
                    index["unique"],
                    {k: str(v) for k, v in index.get("dialect_options", {}).items()},
                ]
                for index in sorted(inspector.get_indexes(name), key=lambda i: str(i["name"]))
            ],
            "other constraints": [
                inspector.get_unique_constraints(name),
                inspector.get_foreign_keys(name),
                inspector.get_check_constraints(name),
            ],
            "without_rowid": name in without_rowid,
        }
        for name in inspector.get_table_names()
    }


def test_the_migrations_make_what_a_new_database_has(empty_database: DatabaseAddress) -> None:
    migrate.upgrade(empty_database)
    with create_engine(empty_database.url, poolclass=NullPool).connect() as connection:
        laid = shape(connection)
        assert laid.keys() == {"alembic_version", *schema.metadata.tables}

    migrate.downgrade(empty_database, "base")
    with create_engine(empty_database.url, poolclass=NullPool).connect() as connection:
        assert shape(connection).keys() == {"alembic_version"}
        assert inspect(connection).get_view_names() == []

    migrate.upgrade(empty_database)
    with create_engine(empty_database.url, poolclass=NullPool).connect() as connection:
        assert shape(connection) == laid
        assert set(inspect(connection).get_view_names()) == set(VIEW_NAMES)


def test_a_new_database_has_every_view_and_the_newest_revision(
    empty_database: DatabaseAddress,
) -> None:
    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == migrate.newest_revision()
    with create_engine(empty_database.url, poolclass=NullPool).connect() as connection:
        assert set(inspect(connection).get_view_names()) == set(VIEW_NAMES)


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_of_several_that_start_together_one_makes_the_schema(
    empty_database: DatabaseAddress,
) -> None:
    with ThreadPoolExecutor(4) as starting:
        list(starting.map(migrate.upgrade, [empty_database] * 4))
    assert migrate.current(empty_database) == migrate.newest_revision()


def test_a_missing_view_is_made_again_and_nothing_else_changes(
    empty_database: DatabaseAddress,
) -> None:
    database = empty_database
    migrate.upgrade(database)
    with create_engine(database.url, poolclass=NullPool).begin() as connection:
        connection.execute(text("DROP VIEW v_breakers"))
        connection.execute(text("INSERT INTO node VALUES (7, 1, 2)"))
    migrate.upgrade(database)
    with create_engine(database.url, poolclass=NullPool).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM v_breakers")).scalar() == 0
        assert connection.execute(text("SELECT stored_bytes FROM node")).scalar() == 2


def test_a_database_of_a_newer_program_is_refused_and_left_alone(
    empty_database: DatabaseAddress,
) -> None:
    database = empty_database
    migrate.upgrade(database)
    with create_engine(database.url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match=r"9999.*newer llmrouter.*--upgrade"):
        migrate.upgrade(database)
    assert migrate.current(database) == "9999"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"not a database " * 1000, id="something else"),
        pytest.param(lambda content: content[: len(content) // 2], id="cut in half"),
        pytest.param(
            lambda content: content[:8192] + b"\xff" * 16384 + content[24576:], id="overwritten"
        ),
    ],
)
def test_a_damaged_file_is_refused_named_and_left_as_it_was(
    damage: Any, sqlite_database: DatabaseAddress
) -> None:
    path = sqlite_database.path
    assert path is not None
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(DatabaseDamaged) as caught:
        migrate.upgrade(sqlite_database)
    assert str(path) in str(caught.value)
    assert ".recover" in str(caught.value)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    address = read_address(f"sqlite:///{tmp_path}/file/llmrouter.db", tmp_path)
    with pytest.raises(DatabaseUnwritable, match=r"file/llmrouter\.db.*LLMROUTER_DATA_DIR"):
        migrate.upgrade(address)


def test_a_file_that_another_program_writes_is_not_called_unwritable(
    sqlite_database: DatabaseAddress,
) -> None:
    with locked(sqlite_database), pytest.raises(DatabaseInUse, match="another program"):
        migrate.upgrade(sqlite_database)


def test_file_and_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    address = read_address(None, tmp_path / "data")
    migrate.upgrade(address)
    assert address.path is not None
    assert address.path.stat().st_mode & 0o777 == 0o600
    assert address.path.parent.stat().st_mode & 0o777 == 0o700


USAGE_TABLES = (
    "usage_hour",
    "usage_day",
    "usage_mode",
    "usage_total",
    "usage_attempt_day",
    "usage_decision_day",
)


async def test_an_older_ledger_is_summed_up_as_if_it_had_been_written_today(
    empty_database: DatabaseAddress, tmp_path: Path
) -> None:
    def sums() -> dict[str, list[tuple[Any, ...]]]:
        return {
            table: sorted(ask(empty_database, f"SELECT * FROM {table}")) for table in USAGE_TABLES
        }

    async with open_store(StoreSettings(empty_database, tmp_path), FakeClock()) as store:
        for values in (
            {"key_id": "k"},
            {"cost_nusd": None, "failed_nusd": 70},
            {"cost_nusd": None, "failed_nusd": 5, "purpose": "replay", "category": "code"},
            {"duration_us": 300, "ending": "failed"},
            {"duration_us": 10**11, "started_us": NOW_US - 10**11},
        ):
            await store.ledger.close(answered(store.ids.next(), **values))
        await store.ledger.close(rejected(store.ids.next()))
    written = sums()
    [(of_requests,)] = ask(empty_database, "SELECT sum(cost_nusd) FROM request")

    migrate.downgrade(empty_database, "0002")
    assert ask(empty_database, "SELECT sum(cost_nusd) FROM usage_day") == [(of_requests,)]
    migrate.upgrade(empty_database)
    assert sums() == written


async def test_events_survive_the_way_to_an_older_schema_and_back(
    empty_database: DatabaseAddress, tmp_path: Path
) -> None:
    question = "SELECT request_id, seq, dt_us, kind, data FROM event ORDER BY request_id, seq"

    def told() -> list[tuple[Any, ...]]:
        return [
            (*row[:4], row[4] if isinstance(row[4], dict) else json.loads(row[4]))
            for row in ask(empty_database, question)
        ]

    async with open_store(StoreSettings(empty_database, tmp_path), FakeClock()) as store:
        for _ in range(3):
            await store.ledger.close(answered(store.ids.next()))
    written = told()
    [(with_head,)] = ask(empty_database, "SELECT count(head_id) FROM event_row")
    assert with_head > 0
    migrate.downgrade(empty_database, "0007")
    assert told() == written
    migrate.upgrade(empty_database)
    assert told() == written


KILLED_WHILE_LAYING = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from llmrouter.store import migrate
from llmrouter.store.engine import read_address
from llmrouter.store.schema import metadata

event.listen(metadata, "after_create", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
migrate.upgrade(read_address(sys.argv[1], Path.cwd()))
"""

KILLED_WHILE_MIGRATING = """
import os, signal, sys
from pathlib import Path
from alembic import op
from llmrouter.store import migrate
from llmrouter.store.engine import read_address

create_table, left = op.create_table, 5

def create_some(*arguments, **options):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    create_table(*arguments, **options)

op.create_table = create_some
migrate.upgrade(read_address(sys.argv[1], Path.cwd()))
"""


@pytest.mark.parametrize("program", [KILLED_WHILE_LAYING, KILLED_WHILE_MIGRATING])
def test_a_start_that_was_killed_while_migrating_leaves_no_trace(
    program: str, empty_database: DatabaseAddress, tmp_path: Path
) -> None:
    if program == KILLED_WHILE_MIGRATING:
        migrate.upgrade(empty_database)
        migrate.downgrade(empty_database, "base")  # only a database without a table is laid
    url = empty_database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", program, url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(command, env=environment, cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == migrate.newest_revision()


KILLED_WHILE_UPGRADING = """
import os, signal, sys
from pathlib import Path
from alembic import op
from llmrouter.store import migrate
from llmrouter.store.engine import read_address

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "half-way":
    drop_table = op.drop_table
    op.drop_table = lambda *arguments, **options: (drop_table(*arguments, **options), die())
else:
    migrate.revision_of = lambda connection, look=migrate.revision_of: (
        look(connection) if look(connection) == "0002" else die()
    )
migrate.upgrade(read_address(sys.argv[1], Path.cwd()))
"""


@pytest.mark.parametrize("when", ["half-way", "before the commit"])
async def test_a_ledger_whose_upgrade_was_killed_is_whole_and_upgraded_by_the_next_start(
    when: str, empty_database: DatabaseAddress, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half-way: the old table of events has just been dropped."""
    database, tables = empty_database, ("request", "attempt", "event", "body", "usage_day")

    def counted() -> list[list[tuple[Any, ...]]]:
        return [ask(database, f"SELECT count(*) FROM {table}") for table in tables]

    async with open_store(StoreSettings(database, tmp_path), FakeClock()) as store:
        records = [answered(store.ids.next(), body=BODY) for _ in range(20)]
        for record in records:
            await store.ledger.close(record)
    written = counted()
    migrate.downgrade(database, "0002")
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED_WHILE_UPGRADING, url, when]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = await asyncio.create_subprocess_exec(*command, env=environment, cwd=tmp_path)
    assert await killed.wait() == -signal.SIGKILL
    assert migrate.current(database) == "0002"
    assert counted() == written
    async with open_store(StoreSettings(database, tmp_path), FakeClock()) as store:
        story = await store.reader.request_story(records[7].request.id)
        assert story is not None
        assert story.request == records[7].request
    assert counted() == written
    assert migrate.current(database) == migrate.newest_revision()
    assert f"brought from schema 0002 to {migrate.newest_revision()}" in caplog.text


def test_the_migrations_files_are_named_for_their_place_in_the_chain() -> None:
    folder = Path(__file__).parents[2] / "migrations"
    scripts = ScriptDirectory(str(folder))
    chain = [script.revision for script in scripts.walk_revisions()]
    assert chain == sorted(migrate.known_revisions(), reverse=True)
    assert scripts.get_current_head() == migrate.newest_revision()


def test_a_new_database_and_one_up_to_date_are_opened_without_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from llmrouter.store.engine import read_address\n"
        "from llmrouter.store.migrate import upgrade\n"
        f"upgrade(read_address(None, Path({str(tmp_path)!r})))\n"
        "sys.exit('alembic' in sys.modules)"
    )
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
