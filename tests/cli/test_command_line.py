"""The command line as a whole: help, versions, wrong use, and starting the server."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import Result

import llmrouter
from docs.cli import reference
from llmrouter.cli import COMMANDS
from tests.cli.conftest import Invoke

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
ELSEWHERE = (
    "llmrouter demo",
    "llmrouter config compare",
    "llmrouter import",
    "llmrouter reconcile",
    "llmrouter replay",
)
"""Commands whose examples need more than a ledger; each has tests of its own, which run them."""


def examples() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_version_is_told_without_loading_anything() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "llmrouter", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.stdout == f"llmrouter {llmrouter.__version__}\n"
    assert not re.search(r"\b(click|pydantic|quart|sqlalchemy|asyncio)\b", done.stderr)


def test_every_command_has_help_with_an_example(invoke: Invoke) -> None:
    assert all(name in invoke("--help").stdout for name in COMMANDS)
    for name in COMMANDS:
        result = invoke(name, "--help")
        assert result.exit_code == 0
        assert f"  llmrouter {name}" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("sevre",),
        ("serve", "--prot", "1"),
        ("config", "imprt"),
        ("--nope",),
        ("demo", "--port", "x"),
    ],
)
def test_wrong_use_is_exit_code_2(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments)

    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_serve_refuses_to_be_reached_without_keys(invoke: Invoke, place: Path) -> None:
    result = invoke("serve", "--host", "0.0.0.0")

    assert result.exit_code == 1
    assert "LLMROUTER_API_KEY and LLMROUTER_ADMIN_TOKEN are not set" in result.stderr
    assert not (place / "data").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"routng": {}}', "did you mean `routing`?"), ("{", "line 1"), (None, "cannot be read")],
)
def test_serve_refuses_a_configuration_file_that_is_not_valid(
    invoke: Invoke, place: Path, text: str | None, told: str
) -> None:
    if text is not None:
        (place / "mine.json").write_text(text)

    result = invoke("serve", "--config", "mine.json")

    assert result.exit_code == 1
    assert "mine.json is not valid:" in result.stderr
    assert told in result.stderr


def test_serve_names_a_setting_that_cannot_be_used(invoke: Invoke) -> None:
    result = invoke("serve", "--port", "123456")

    assert result.exit_code == 1
    assert "port" in result.stderr


def test_the_reference_is_what_the_commands_say() -> None:
    assert DOCUMENT.read_text() == reference()


def test_every_example_of_the_reference_works(ledger: Path, invoke: Invoke) -> None:
    (ledger / "prompts.jsonl").write_text('{"text": "Fix my Python code", "category": "code"}\n')
    (ledger / "prices.csv").write_text(
        "model,unit_class,usd_per_million\nopenai/gpt-4.1,input,2\nopenai/gpt-4.1,output,8\n"
    )
    shutil.copy(ledger / "data" / "llmrouter.db", ledger / "copy-of-llmrouter.db")
    tried = [example for example in examples() if not example.startswith(ELSEWHERE)]
    for example in tried:
        arguments = shlex.split(example)[1:]
        result = _served(invoke, *arguments) if arguments[0] == "serve" else invoke(*arguments)
        healthy = (0, 1) if arguments[0] == "doctor" else (0,)
        assert result.exit_code in healthy, f"{example}: {result.output}"
    assert len(tried) > 15


def _served(invoke: Invoke, *arguments: str) -> Result:
    """Starts the server here, waits until it answers, and sends it SIGTERM."""
    health = f"http://127.0.0.1:{os.environ['LLMROUTER_PORT']}/health"

    def stop_it() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(health, timeout=1).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
                continue
            os.kill(os.getpid(), signal.SIGTERM)
            return

    stopper = threading.Thread(target=stop_it)
    stopper.start()
    result = invoke(*arguments)
    stopper.join()
    assert "llmrouter listens on http://127.0.0.1:" in result.stdout
    assert "stopped: 0 drained, 0 cut" in result.stdout
    return result
