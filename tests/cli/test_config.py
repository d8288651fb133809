"""``llmrouter config``: versions made, shown, compared; files that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke

VALID = {"routing": {"mode": "keywords"}, "categories": {"code": {"models": ["openai/gpt-4.1"]}}}
FLAT = {"model_mappings": {"code": ["kimi-k2.5"]}, "routing_mode": "keywords", "version": 3}


def written(folder: Path, document: object, name: str = "new.json") -> str:
    (folder / name).write_text(document if isinstance(document, str) else json.dumps(document))
    return name


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"routng": {}}, "routng: unknown key; did you mean `routing`?"),
        (
            {"categories": {"code": {"modles": ["openai/gpt-4.1"]}}},
            "categories.code.modles: unknown key; did you mean `models`?",
        ),
        ({"model_mapings": {"code": ["gpt-4o-mini"]}}, "did you mean `model_mappings`?"),
        ({"categories": {"code": {"models": []}}}, "categories.code.models"),
        ({"categories": {"code": {"models": ["opneai/gpt-4.1"]}}}, "openai"),
        ({"routing": {"mode": "psychic"}}, "routing.mode"),
        ('{"routing": ', "line 1, column"),
        ("[]", "must hold an object"),
        ("", "is empty"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "import"])
def test_a_file_that_is_not_valid_is_refused_with_every_fault(
    place: Path, invoke: Invoke, command: str, document: object, told: str
) -> None:
    result = invoke("config", command, written(place, document))

    assert result.exit_code == 1
    assert "new.json is not valid:" in result.stderr
    assert told in result.stderr
    assert not (place / "data").exists()


@pytest.mark.parametrize("command", ["validate", "import"])
def test_a_file_that_is_not_there_is_wrong_use(invoke: Invoke, command: str) -> None:
    result = invoke("config", command, "nowhere.json")

    assert result.exit_code == 2
    assert "nowhere.json" in result.stderr


def test_a_valid_file_is_summed_up_and_nothing_is_written(place: Path, invoke: Invoke) -> None:
    result = invoke("config", "validate", written(place, VALID))

    assert result.exit_code == 0
    assert "new.json is valid: 4 categories" in result.stdout
    assert "mode keywords" in result.stdout
    assert not (place / "data").exists()


def test_what_a_flat_file_says_without_effect_is_told(place: Path, invoke: Invoke) -> None:
    result = invoke("config", "validate", written(place, FLAT))

    assert result.exit_code == 0
    assert "note: version is ignored" in result.stdout


def test_an_imported_file_becomes_the_newest_version_once(ledger: Path, invoke: Invoke) -> None:
    first = invoke("config", "import", written(ledger, VALID), "--note", "trying")
    again = invoke("config", "import", "new.json")
    listed = json.loads(invoke("config", "versions", "--json").stdout)["versions"]
    shown = json.loads(invoke("config", "show", "--json").stdout)

    assert first.stdout == (
        "new.json is configuration version 3, and counts from the server's next start on\n"
    )
    assert again.stdout == "nothing to change: version 3 says the same as new.json\n"
    assert (listed[0]["version"], listed[0]["note"]) == (3, "trying")
    assert len(listed) == 3
    assert shown["document"] == VALID


def test_rollback_makes_a_new_version_of_an_old_document(ledger: Path, invoke: Invoke) -> None:
    result = invoke("config", "rollback", "1", "--json")

    assert json.loads(result.stdout) == {"status": "ok", "version": 3, "restored": 1}
    assert json.loads(invoke("config", "export").stdout) == {}


@pytest.mark.parametrize(
    "arguments", [("rollback", "99"), ("show", "--version", "99"), ("diff", "1", "99")]
)
def test_a_version_that_does_not_exist_is_told_with_the_newest(
    ledger: Path, invoke: Invoke, arguments: tuple[str, ...]
) -> None:
    result = invoke("config", *arguments)

    assert result.exit_code == 1
    assert "there is no configuration version 99; the newest is 2" in result.stderr


def test_an_export_can_be_imported_and_says_the_same(ledger: Path, invoke: Invoke) -> None:
    exported = invoke("config", "export", "backup.json")

    assert exported.exit_code == 0
    assert "nothing to change: version 2" in invoke("config", "import", "backup.json").stdout


def test_an_export_writes_over_nothing_unasked(ledger: Path, invoke: Invoke) -> None:
    written(ledger, "precious", "backup.json")

    refused = invoke("config", "export", "backup.json")
    kept = (ledger / "backup.json").read_text()
    forced = invoke("config", "export", "backup.json", "--force", "--version", "1")

    assert (refused.exit_code, kept) == (1, "precious")
    assert (forced.exit_code, (ledger / "backup.json").read_text()) == (0, "{}\n")


def test_a_comparison_says_what_came_went_and_changed(ledger: Path, invoke: Invoke) -> None:
    written(ledger, {"routing": {"mode": "keywords"}, "aliases": {"x": "swift/mini"}}, "a.json")
    written(ledger, {"routing": {"mode": "local"}, "combos": {"c": {"models": ["a/b"]}}}, "b.json")

    result = invoke("config", "diff", "a.json", "b.json")

    assert result.stdout.splitlines() == [
        '~ routing.mode: "keywords" -> "local"',
        '- aliases.x: "swift/mini"',
        '+ combos.c.models: ["a/b"]',
    ]


def test_versions_and_files_can_be_compared(ledger: Path, invoke: Invoke) -> None:
    same = invoke("config", "diff", "2", "router_config.json")
    changes = json.loads(invoke("config", "diff", "1", "2", "--json").stdout)["changes"]

    assert same.stdout == "2 and router_config.json say the same\n"
    assert {"path": "routing.mode", "before": None, "after": "keywords"} in changes


def test_show_tells_the_routes_and_where_the_version_comes_from(
    ledger: Path, invoke: Invoke
) -> None:
    result = invoke("config", "show")

    assert "version 2, made by file" in result.stdout
    assert "imported from router_config.json" in result.stdout
    assert "code (priority)\n    shaky/coder, sage/coder\n" in result.stdout


def test_the_flat_form_can_be_shown(ledger: Path, invoke: Invoke) -> None:
    shown = json.loads(invoke("config", "show", "--seeds").stdout)

    assert shown["routing_mode"] == "keywords"
    assert shown["model_mappings"]["code"] == ["shaky/coder", "sage/coder"]


def test_without_a_ledger_there_is_nothing_to_show(invoke: Invoke) -> None:
    result = invoke("config", "show")

    assert result.exit_code == 1
    assert "there is no ledger at" in result.stderr
