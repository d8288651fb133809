"""Commands beside a running server: reading works, writing goes through it, starting refuses."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from llmrouter.store.claim import FileClaim
from tests.cli.conftest import Invoke, Server, free_port


@pytest.fixture
def beside(server: Server, place: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, to which the environment leads."""
    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(server.data_dir))
    monkeypatch.setenv("LLMROUTER_PORT", server.port)
    return server


@pytest.mark.parametrize(
    "command",
    [("requests",), ("errors",), ("config", "show"), ("explain", "Hello"), ("migrate", "--check")],
)
def test_commands_that_read_work_beside_a_server(
    beside: Server, invoke: Invoke, command: tuple[str, ...]
) -> None:
    assert invoke(*command).exit_code == 0


def test_doctor_knows_the_server_as_ours(beside: Server, invoke: Invoke) -> None:
    found = json.loads(invoke("doctor", "--json").stdout)

    assert "in use by process" in found["database"][0]["statement"]
    assert f"serves at {beside.url}" in found["port"][0]["statement"]


def test_changes_go_through_the_server_and_count_at_once(
    beside: Server, place: Path, invoke: Invoke
) -> None:
    (place / "new.json").write_text('{"routing": {"mode": "local"}}')
    before = running(beside)

    imported = invoke("config", "import", "new.json")
    again = invoke("config", "import", "new.json")
    after = running(beside)
    rolled_back = invoke("config", "rollback", str(before["version"]))

    number = before["version"] + 1
    assert imported.stdout == (
        f"new.json is configuration version {number}, which {beside.url} runs already\n"
    )
    assert f"nothing to change: version {number}" in again.stdout
    assert (after["version"], after["routing_mode"]) == (number, "local")
    assert f"configuration version {number + 1}" in rolled_back.stdout
    assert running(beside)["routing_mode"] == before["routing_mode"]


def test_the_servers_own_word_is_the_commands_error(beside: Server, invoke: Invoke) -> None:
    result = invoke("config", "rollback", "999")

    assert result.exit_code == 1
    assert "there is no configuration version 999" in result.stderr


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("migrate",)])
def test_a_second_holder_of_the_ledger_is_refused(
    beside: Server, invoke: Invoke, command: tuple[str, ...]
) -> None:
    result = invoke(*command)

    assert result.exit_code == 1
    assert "is in use by process" in result.stderr


def test_a_port_in_use_is_named_with_what_to_do(beside: Server, invoke: Invoke) -> None:
    result = invoke("serve")

    assert result.exit_code == 1
    assert f"127.0.0.1:{beside.port} cannot be listened on" in result.stderr
    assert "--port" in result.stderr


def test_nothing_is_changed_when_the_server_cannot_be_found(
    beside: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMROUTER_PORT", str(free_port()))

    result = invoke("config", "rollback", "1")

    assert result.exit_code == 1
    assert "say where it listens" in result.stderr


def test_another_ledgers_server_is_not_written_to(
    beside: Server, ledger: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = running(beside)
    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(ledger / "data"))
    # The server's is a copy of this one, which is another from here on.
    (ledger / "other.json").write_text('{"routing": {"mode": "keywords"}}')
    assert invoke("config", "import", "other.json").exit_code == 0
    held = FileClaim(ledger / "data" / "llmrouter.db")
    try:
        result = invoke("config", "import", "router_config.json", "--note", "elsewhere")
    finally:
        held.release()

    assert result.exit_code == 1
    assert "keeps another ledger" in result.stderr
    assert running(beside) == before


def running(server: Server) -> dict[str, object]:
    """What the server runs."""
    with urllib.request.urlopen(f"{server.url}/config") as answer:
        found: dict[str, object] = json.load(answer)
        return found
