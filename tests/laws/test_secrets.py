"""Law 8: a planted secret is found nowhere but in the call to its provider."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmrouter.settings import Keyring
from llmrouter.store.engine import DatabaseAddress
from llmrouter.web.logs import RedactingFilter
from tests.provider import CLOSE, Provider, answer, body, raw, status, stream
from tests.running import KEYS, LAB_KEY, SPARE_KEY, ask, lab, running_router

CLIENT_KEY = "planted-client-key-9a8b7c6d5e4f"
ADMIN_TOKEN = "planted-admin-token-1f2e3d4c5b6a"
LOG = "debug.log"
OWN_KEY = "planted-key-of-the-client-s-own"
OWN_KEY_SHAPED = "sk-planted-where-a-session-belongs"
SECRETS = (OWN_KEY_SHAPED, LAB_KEY, SPARE_KEY, CLIENT_KEY, ADMIN_TOKEN, OWN_KEY)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Everything that is logged at debug level, as `llmrouter serve` would write it."""
    path = tmp_path / LOG
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter(Keyring(KEYS)))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield path
    root.removeHandler(handler)
    root.setLevel(level)
    handler.close()


async def test_no_secret_is_found_in_logs_ledger_or_replies(
    provider: Provider, sqlite_database: DatabaseAddress, log: Path
) -> None:
    # Providers that quote the key, in every place that we read.
    quoted = f"Incorrect API key provided: {LAB_KEY}. Authorization: Bearer {LAB_KEY}"
    error = {"error": {"message": quoted, "type": LAB_KEY, "code": LAB_KEY, "param": LAB_KEY}}
    url = f"http://user:{LAB_KEY}@127.0.0.1/v1?key={LAB_KEY}"
    scripts = {
        "auth": status(401, quoted),
        "broken": status(500, quoted, type=LAB_KEY, code=LAB_KEY),
        "client": status(400, f"{quoted} {url}", type=LAB_KEY, code=LAB_KEY, param=LAB_KEY),
        "inside": body(json.dumps(error).encode()),
        "html": body(f"<html>{quoted}</html>".encode(), 502, content_type="text/html"),
        "event": stream(f"data: {json.dumps(error)}\n\n".encode()),
        "mid": stream("Hal", f"data: {json.dumps(error)}\n\n".encode()),
        "moved": raw(
            f"HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n".encode()
        ),
        "bad": raw(f"HTTP/1.1 {LAB_KEY}\r\n\r\n".encode(), CLOSE),
        "good": answer(headers={"server": LAB_KEY, "set-cookie": LAB_KEY}),
    }
    told: list[str] = []
    keys = {"api_key": CLIENT_KEY, "admin_token": ADMIN_TOKEN}
    async with running_router(sqlite_database, lab(provider), log_level="debug", **keys) as router:
        as_client = {"authorization": f"Bearer {CLIENT_KEY}"}
        as_admin = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        for model, script in scripts.items():
            provider.on(model, script)
            for streamed in (False, True):
                document = ask(f"My key is {LAB_KEY}", f"lab/{model}", stream=streamed)
                document |= {
                    "api_key": OWN_KEY,
                    "extra_headers": {"x": OWN_KEY},
                    "user": SPARE_KEY,
                    "metadata": {"k": LAB_KEY},
                }
                reply = await router.http.post(
                    "/v1/chat/completions",
                    json=document,
                    headers={
                        **as_client,
                        "x-request-id": f"sk-{LAB_KEY}",
                        "session_id": OWN_KEY_SHAPED,
                    },
                )
                told.append(reply.text + str(reply.headers))
            await router.http.post("/circuit-breaker/reset-all", headers=as_admin)
        assert provider.seen[0].headers["authorization"] == f"Bearer {LAB_KEY}"
        wrong = await router.http.get("/config", headers={"authorization": f"Bearer {LAB_KEY}"})
        told.append(wrong.text)
        ids = [row["id"] for row in router.ledger.rows("SELECT id FROM request")]
        paths = ["/config", "/providers", "/metrics", "/requests", "/config/versions/2"]
        for path in [*paths, *(f"/requests/{number}" for number in ids)]:
            shown = await router.http.get(path, headers=as_admin)
            told.append(shown.text)

    assert_no_secret(sqlite_database, log, told)


def assert_no_secret(database: DatabaseAddress, log: Path, told: list[str]) -> None:
    """In no reply, no line of the log, no table and no file."""
    stored, logged = "\n".join(everything_in(database)), log.read_text()
    files = files_beside(database)
    assert "request.received" in stored  # that it was looked at, after all
    assert "My key is" not in logged  # a prompt
    for secret in SECRETS:
        assert not [text for text in told if secret in text]
        assert secret not in logged
        assert secret not in stored
        assert not [data for data in files if secret.encode() in data]


def files_beside(database: DatabaseAddress) -> list[bytes]:
    """The database's files and whatever else the router has put there."""
    folder = Path(str(database.path)).parent
    found = [path for path in folder.iterdir() if path.is_file() and path.name != LOG]
    assert found
    return [path.read_bytes() for path in found]


def everything_in(database: DatabaseAddress) -> Iterator[str]:
    """Every value of every table as text, inflated where it is compressed."""
    with contextlib.closing(sqlite3.connect(str(database.path))) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                for value in row:
                    if isinstance(value, bytes):
                        value = (zlib.decompress(value) if value[:1] == b"x" else value).decode(
                            "latin-1"
                        )
                    yield str(value)
    connection.close()
