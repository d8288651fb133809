"""``llmrouter reconcile``: exits with 0 when the invoice agrees, with 1 when it does not."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke

COLUMNS = "day=day,model=model,requests=n"


@pytest.fixture
def today(ledger: Path, invoke: Invoke) -> str:
    """The day of the ledger's requests, which midnight may have made yesterday."""
    rows = json.loads(invoke("report", "--by", "day", "--json").stdout)["tables"]["costs"]["rows"]
    return str(rows[-1]["day"]) if rows else str(datetime.now(UTC).date())


def written(ledger: Path, text: str) -> str:
    path = ledger / "invoice.csv"
    path.write_text(text, "utf-8")
    return str(path)


def test_an_invoice_that_agrees_exits_with_zero(ledger: Path, invoke: Invoke, today: str) -> None:
    file = written(ledger, f"day,model,n\n{today},coder,1\n")

    result = invoke("reconcile", "--invoice", file, "--columns", COLUMNS, "--provider", "sage")

    assert result.exit_code == 0, result.output
    assert "nothing differs" in result.stdout


def test_an_invoice_that_differs_exits_with_one_and_says_where(
    ledger: Path, invoke: Invoke, today: str
) -> None:
    file = written(ledger, f"day,model,n\n{today},coder,3\n")
    call = ("reconcile", "--invoice", file, "--columns", COLUMNS, "--provider", "sage")

    for_people = invoke(*call)
    document = json.loads(invoke(*call, "--json").stdout)

    assert for_people.exit_code == 1
    assert "-2 (-66.7 %)" in for_people.stdout
    assert document["agrees"] is False
    assert document["differences"] == [
        {
            "day": today,
            "model": "coder",
            "measure": "requests",
            "verdict": "differs",
            "invoice": 3,
            "ledger": 1,
            "unknown_costs": 0,
        }
    ]


def test_the_vendors_name_is_the_provider(ledger: Path, invoke: Invoke) -> None:
    file = written(
        ledger,
        "usage_date_utc,model,cost_usd,token_type\n2026-08-05,Claude Haiku 4.5,0.19,output\n",
    )

    document = json.loads(invoke("reconcile", "--invoice", file, "--json").stdout)

    assert (document["invoice"], document["provider"]) == ("Anthropic costs", "anthropic")
    assert document["differences"][0]["verdict"] == "not in the ledger"


@pytest.mark.parametrize(
    ("text", "options", "status", "message"),
    [
        ("a,b\n1,2\n", (), 1, "Name them: --columns"),
        ("a,b\n1,2\n", ("--columns", "day:a"), 2, "is not NAME=COLUMN"),
        ("a,b\n1,2\n", ("--tolerance", "-1"), 2, "not in the range"),
    ],
)
def test_what_cannot_be_read_is_named(
    ledger: Path, invoke: Invoke, text: str, options: tuple[str, ...], status: int, message: str
) -> None:
    result = invoke("reconcile", "--invoice", written(ledger, text), *options)

    assert result.exit_code == status
    assert message in result.stderr


def test_the_examples_of_the_help_read_their_files(ledger: Path, invoke: Invoke) -> None:
    files = {
        "completions_usage.csv": "start_time_iso,num_model_requests,model,input_tokens\n"
        "2026-11-20T00:00:00+00:00,1,gpt-4o,7\n",
        "claude_cost.csv": "usage_date_utc,model,cost_usd\n2026-11-20,Claude Haiku 4.5,1\n",
        "own.csv": "date,amount\n2026-11-20,1\n",
    }
    for name, text in files.items():
        (ledger / name).write_text(text)
    examples = invoke("reconcile", "--help").stdout.partition("Examples:")[2].splitlines()
    called = [shlex.split(line)[1:] for line in examples if "llmrouter" in line]

    assert len(called) == len(files)
    for arguments in called:
        result = invoke(*arguments)
        assert result.exit_code == 1, result.output  # these are no invoices of this ledger
        assert "not in the ledger" in result.stdout
