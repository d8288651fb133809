"""``llmrouter demo`` as somebody runs it who has just installed it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner

from llmrouter.cli import cli
from llmrouter.demo.cast import PROMPTS


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo in a process of its own, and what it had printed when it began to wait."""
    # What would steer a server, and must not steer the demo.
    (folder / "router_config.json").write_text('{"broken": ')
    (folder / ".env").write_text("LLMROUTER_API_KEY=from-env-file\nOPENAI_API_KEY=sk-from-file\n")
    environment = {
        **os.environ,
        "LLMROUTER_DATA_DIR": str(folder / "data"),
        "LLMROUTER_API_KEY": "a-key-of-the-user",
        "OPENAI_API_KEY": "sk-real-key-of-the-user",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "TMPDIR": str(folder),
        "COLUMNS": "80",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "llmrouter", "demo", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
    ) as process:
        try:
            assert process.stdout is not None
            yield process, "".join(_until_serving(process.stdout))
        finally:
            process.terminate()


def _until_serving(output: IO[str]) -> Iterator[str]:
    for line in output:
        yield line
        if line.startswith("Serving until"):
            return


def commands(text: str) -> dict[str, str]:
    """The commands under the last heading, by what the line above says of them."""
    turn = text.split("── Your turn", 1)[1].split("\n\nServing until")[0]
    _, *blocks = re.split(r"^# ", turn, flags=re.MULTILINE)
    return dict(block.split("\n", 1) for block in blocks)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the printed commands need curl")
def test_the_tour_shows_everything_and_its_commands_work_as_typed(tmp_path: Path) -> None:
    with demo(tmp_path) as (process, text), socket.create_server(("127.0.0.1", 0)):
        printed = commands(text)
        answers = {
            what: subprocess.run(
                command, shell=True, capture_output=True, text=True, timeout=20
            ).stdout
            for what, command in printed.items()
        }
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=15)[0]

    assert "SIMULATED" in text
    assert "Nothing leaves this machine" in text.replace("\n", " ")
    for prompt in PROMPTS:
        assert prompt.text in text
    for category in ("conversation", "code", "reasoning", "tools"):
        assert re.search(rf"^    {category} \(.+\) -> ", text, re.MULTILINE)
    assert text.count("! shaky/coder answered 503: the next model was asked at once") == 3
    assert text.count("its breaker OPENED") == 1
    assert text.index("its breaker OPENED") < text.index("was passed over: its breaker is open")
    assert re.search(r"shaky/coder +breaker_open", text)
    assert re.search(r"sage +coder +4 ", text)  # the answer to the printed SQL

    assert "simulated" in json.loads(answers["chat"])["choices"][0]["message"]["content"]
    assert answers["streaming"].endswith("data: [DONE]\n\n")
    assert json.loads(answers["explain"])["classification"]["category"] == "code"
    assert json.loads(answers["figures"])["requests"]["total"] == len(PROMPTS) + 2
    story = json.loads(answers["a request's whole story"])
    assert [attempt["target"] for attempt in story["attempts"]] == ["shaky/coder", "sage/coder"]
    assert json.loads(answers["close the breaker by hand"])["state"] == "closed"
    if "costs" in printed:
        assert "thinker" in answers["costs"]

    assert process.returncode == 0
    assert "The demo is over" in rest
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"router_config.json", ".env"}, "nothing of the user's is written"


def test_a_taken_port_is_said_and_another_one_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["demo", "--once", "--port", str(port)])

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Port {port} is taken; the demo uses ")
    assert "What it cost" in result.stdout
    assert result.stdout.endswith("The demo is over; its ledger is removed.\n")
    assert "Serving until" not in result.stdout
    assert "\x1b[" not in result.stdout
    assert result.stderr == ""
