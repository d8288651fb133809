"""``llmrouter report``: on the server's ledger, on a copy, in every form."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke

KINDS = ("costs", "latency", "errors", "categories", "savings")


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_a_table_for_people(ledger: Path, invoke: Invoke, kind: str) -> None:
    result = invoke("report", kind)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(kind.capitalize())
    assert "sage/coder" in result.stdout or kind in ("categories", "savings")


def test_costs_by_model_count_every_call(ledger: Path, invoke: Invoke) -> None:
    document = json.loads(invoke("report", "--by", "model", "--json").stdout)

    costs = {row["model"]: row for row in document["tables"]["costs"]["rows"]}
    assert costs["sage/coder"]["requests"] == 1
    assert costs["sage/coder"]["cost_usd"] > 0
    assert costs["shaky/coder"]["requests"] == 1 < costs["shaky/coder"]["calls"]
    assert document["tables"]["costs"]["total"]["requests"] == 4


def test_a_report_is_csv_for_programs(ledger: Path, invoke: Invoke) -> None:
    lines = csv.DictReader(io.StringIO(invoke("report", "errors", "--csv").stdout))
    failures = csv.DictReader(
        io.StringIO(invoke("report", "errors", "--csv", "--table", "failures").stdout)
    )

    assert sum(int(line["requests"]) for line in lines) == 4
    assert {line["model"] for line in failures} == {"shaky/coder"}


def test_a_copied_file_is_read_where_it_lies(ledger: Path, invoke: Invoke) -> None:
    here = invoke("report", "--json").stdout
    copied = shutil.copy(ledger / "data" / "llmrouter.db", ledger / "copied.db")
    shutil.rmtree(ledger / "data")

    there = invoke("report", "--json", "--database", str(copied))
    by_url = invoke("report", "--json", "--database", f"sqlite:///{ledger}/copied.db")

    assert there.exit_code == 0, there.output
    assert there.stdout == here == by_url.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("profits",), "'profits' is not one of"),
        (("--by", "model,colour"), "colour: choose from day, key, provider, model, category"),
        (("--by", "day,day"), "names a column twice"),
        (("--since", "soon"), "must be an age such as 24h"),
        (("--since", "2026-11-20", "--until", "2026-11-01"), "is after --until (2026-11-01)"),
        (("--csv", "--json"), "choose one"),
        (("--baseline", "lab/fast"), "belongs to `llmrouter report savings`"),
        (("--csv", "--table", "nope"), "this report has costs"),
    ],
)
def test_what_makes_no_sense_is_wrong_use(
    ledger: Path, invoke: Invoke, options: tuple[str, ...], message: str
) -> None:
    result = invoke("report", *options)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("savings", "--baseline", "no/where"), "`llmrouter prices set` says it"),
        (("--database", "nowhere.db"), "there is no file nowhere.db"),
        (("--database", "mysql://x/y"), "starts with mysql://"),
        (("--html", "no/such/folder.html"), "cannot be written"),
    ],
)
def test_what_cannot_be_read_or_written_is_named(
    ledger: Path, invoke: Invoke, options: tuple[str, ...], message: str
) -> None:
    result = invoke("report", *options)

    assert result.exit_code == 1
    assert message in result.stderr


def test_days_without_traffic_are_said_to_be_so(ledger: Path, invoke: Invoke) -> None:
    result = invoke("report", "--since", "2020-01-01", "--until", "2020-01-02")

    assert result.exit_code == 0
    assert "nothing in these days" in result.stdout


def test_a_page_is_shown_by_a_browser_without_a_complaint(ledger: Path, invoke: Invoke) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("Chromium is not installed")
    assert invoke("report", "latency", "--html", "page.html").exit_code == 0

    done = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={ledger / 'profile'}",
            "--enable-logging=stderr",
            "--screenshot=shot.png",
            (ledger / "page.html").as_uri(),
        ],
        cwd=ledger,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "CONSOLE" not in done.stderr
    assert (ledger / "shot.png").stat().st_size > 10_000
