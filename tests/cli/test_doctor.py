"""``llmrouter doctor``: what it finds, and what it says to do about it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke

Findings = dict[str, list[dict[str, Any]]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def examined(invoke: Invoke) -> tuple[int, Any]:
    result = invoke("doctor", "--json")
    return result.exit_code, json.loads(result.stdout)


def one(findings: list[dict[str, Any]], subject: str) -> dict[str, Any]:
    return next(finding for finding in findings if finding["subject"] == subject)


def test_without_any_key_nothing_can_be_routed(invoke: Invoke) -> None:
    exit_code, found = examined(invoke)

    assert (exit_code, found["healthy"]) == (1, False)
    assert one(found["providers"], "providers")["status"] == "failed"
    assert "OPENROUTER_API_KEY" in one(found["providers"], "providers")["remedy"]
    assert "openai (OPENAI_API_KEY)" in one(found["providers"], "without a key")["statement"]


def test_a_provider_that_answers_is_enough(
    place: Path, invoke: Invoke, listener: socket.socket
) -> None:
    config = {
        "providers": {"lab": {"base_url": f"http://127.0.0.1:{listener.getsockname()[1]}/v1"}},
        "categories": {
            name: {"models": ["lab/m"]} for name in ("tools", "code", "reasoning", "conversation")
        },
    }
    (place / "new.json").write_text(json.dumps(config))
    invoke("config", "import", "new.json")

    exit_code, found = examined(invoke)

    assert (exit_code, found["healthy"]) == (0, True)
    assert "answers after" in one(found["providers"], "lab")["statement"]
    assert "The router can route." in invoke("doctor").stdout


def test_a_route_whose_models_cannot_be_asked_fails(
    place: Path, invoke: Invoke, listener: socket.socket
) -> None:
    config = {
        "providers": {"lab": {"base_url": f"http://127.0.0.1:{listener.getsockname()[1]}/v1"}},
        "combos": {"fine": {"models": ["lab/m"]}},
    }
    (place / "new.json").write_text(json.dumps(config))
    invoke("config", "import", "new.json")

    exit_code, found = examined(invoke)

    failed = {f["subject"] for f in found["providers"] if f["status"] == "failed"}
    assert exit_code == 1
    assert failed == {"route tools", "route code", "route reasoning", "route conversation"}


def test_settings_that_cannot_be_used_are_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMROUTER_PORT", "many")

    exit_code, found = examined(invoke)

    assert exit_code == 1
    assert one(found["settings"], "LLMROUTER_PORT")["status"] == "failed"


def test_misspelt_settings_are_warned_of(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMROUTER_HOTS", "0.0.0.0")

    _, found = examined(invoke)

    finding = one(found["settings"], "LLMROUTER_HOTS")
    assert (finding["status"], "LLMROUTER_HOST?" in finding["statement"]) == ("warning", True)


def test_a_configuration_file_with_a_typo_fails(place: Path, invoke: Invoke) -> None:
    (place / "router_config.json").write_text('{"routng": {}}')

    exit_code, found = examined(invoke)

    finding = one(found["configuration"], "router_config.json")
    assert exit_code == 1
    assert finding["status"] == "failed"
    assert "did you mean `routing`?" in finding["statement"]


def test_a_damaged_database_fails(ledger: Path, invoke: Invoke) -> None:
    (ledger / "data" / "llmrouter.db").write_bytes(b"not a database at all" * 500)

    exit_code, found = examined(invoke)

    assert exit_code == 1
    assert "is damaged" in one(found["database"], "ledger")["statement"]


def test_a_sound_database_is_looked_at_and_not_changed(ledger: Path, invoke: Invoke) -> None:
    before = (ledger / "data" / "llmrouter.db").read_bytes()

    _, found = examined(invoke)

    assert "is sound, writable" in one(found["database"], "ledger")["statement"]
    assert (ledger / "data" / "llmrouter.db").read_bytes() == before


def test_a_data_folder_that_cannot_be_made_fails(place: Path, invoke: Invoke) -> None:
    (place / "data").write_text("a file stands where the folder should be")

    exit_code, found = examined(invoke)

    assert exit_code == 1
    assert "is no folder" in one(found["database"], "ledger")["statement"]


def test_a_port_that_somebody_else_holds_fails(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    listener.close()
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        monkeypatch.setenv("LLMROUTER_PORT", str(other.getsockname()[1]))
        monkeypatch.setattr("llmrouter.cli.server_calls.HEALTH_TIMEOUT_S", 0.05)
        exit_code, found = examined(invoke)

    assert exit_code == 1
    assert found["port"][0]["status"] == "failed"
    assert "LLMROUTER_PORT" in found["port"][0]["remedy"]


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("all", "every prompt is stored"),
        ("errors", "the prompts of failed requests are stored"),
        ("sample:0.05", "5% of all prompts are stored"),
        ("off", "prompts are not stored"),
    ],
)
def test_it_says_plainly_which_prompts_are_stored(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, kept: str, told: str
) -> None:
    monkeypatch.setenv("LLMROUTER_BODIES", kept)

    _, found = examined(invoke)

    assert told in found["prompts"][0]["statement"]


@pytest.mark.parametrize(
    ("environment", "rule"),
    [
        ({"LLMROUTER_HOST": "0.0.0.0"}, "who can reach it"),
        ({"LLMROUTER_HOST": "0.0.0.0"}, "DNS rebinding"),
        ({"LLMROUTER_HOST": "0.0.0.0"}, "admin API"),
        ({"LLMROUTER_API_KEY": "a-client-key"}, "admin API"),
        ({"LLMROUTER_ALLOWED_ORIGINS": "https://attacker.example"}, "foreign web pages"),
    ],
)
def test_rules_of_safety_are_held_by_default_and_seen_when_they_are_not(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], rule: str
) -> None:
    _, by_default = examined(invoke)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _, then = examined(invoke)

    assert {finding["status"] for finding in by_default["safety"]} == {"held"}
    assert one(then["safety"], rule)["status"] == "not held"
    assert one(then["safety"], rule)["remedy"]


def test_files_that_others_may_read_are_named(ledger: Path, invoke: Invoke) -> None:
    (ledger / ".env").write_text("LLMROUTER_BODIES=off\n")
    (ledger / ".env").chmod(0o644)
    (ledger / "data").chmod(0o755)

    _, found = examined(invoke)

    assert one(found["safety"], ".env")["remedy"] == "chmod go-rwx '.env'"
    assert one(found["safety"], "ledger's files")["status"] == "not held"


def test_keys_that_would_travel_unencrypted_are_told(
    ledger: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"providers": {"far": {"base_url": "http://192.0.2.1/v1", "api_key_env": "FAR_KEY"}}}
    (ledger / "new.json").write_text(json.dumps(config))
    monkeypatch.setenv("FAR_KEY", "a-secret-of-far")
    monkeypatch.setattr("llmrouter.cli.reachability.CONNECT_TIMEOUT_S", 0.05)
    invoke("config", "import", "new.json")

    result = invoke("doctor", "--json")

    finding = one(json.loads(result.stdout)["safety"], "encryption")
    assert finding["status"] == "not held"
    assert "a-secret-of-far" not in result.stdout
