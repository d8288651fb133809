"""A terminal into which a reader types what a document shows, one block after the other.

Nothing is mocked: commands run in a shell, against a server process whose only provider is a
`tests.provider.Provider`.  What differs from the reader's machine are addresses: the server's port,
the provider's, the database server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from docs.pages import Block
from tests.provider import Provider

PROLOGUE = r"""
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body --max-time 10 "$@"; }
[ ! -f "$STATE" ] || . "$STATE"
"""
EPILOGUE = '\nexport -p | grep " OPENAI_" > "$STATE" || true\n'
"""What was exported is there in the next block, too."""

SHELL_S = 120


@dataclass(frozen=True, slots=True)
class Terminal:
    """A working folder and the addresses that stand for the reader's."""

    folder: Path
    environment: Mapping[str, str]
    addresses: Mapping[str, str] = field(default_factory=dict)

    def type(self, block: Block) -> str:
        """Carries out a block and gives what it printed; fails when it fails."""
        text = self.replaced(block.text)
        match block.language:
            case "sh":
                return self._run(["bash", "-c", PROLOGUE + text + EPILOGUE], block)
            case "python":
                script = self.folder / "example.py"
                script.write_text(text)
                return self._run(["bash", "-c", f"{PROLOGUE}python {script.name}"], block)
            case "json" if block.file is not None:
                (self.folder / block.file).write_text(text)
        return ""

    def replaced(self, text: str) -> str:
        """The text with the addresses of here."""
        for shown, real in self.addresses.items():
            text = text.replace(shown, real)
        return text

    def copied(self, folder: Path) -> Terminal:
        """The same with a copy of the ledger that no server holds."""
        with (
            contextlib.closing(sqlite3.connect(self.folder / "llmrouter.db")) as here,
            contextlib.closing(sqlite3.connect(folder / "llmrouter.db")) as there,
        ):
            here.backup(there)
        return Terminal(folder, self.environment, self.addresses)

    def _run(self, command: list[str], block: Block) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, "STATE": str(self.folder / "exported")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SHELL_S,
        )
        assert done.returncode == 0, f"line {block.line}:\n{block.text}\n{done.stdout}"
        return done.stdout


def clean_environment(folder: Path) -> dict[str, str]:
    """An environment with the commands of this one, and nothing else of it."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONUNBUFFERED": "1",
        "LLMROUTER_DATA_DIR": str(folder),
        "LLMROUTER_PORT": "0",
    }


@contextlib.contextmanager
def serving(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Runs a command that starts a server, until the block's end; gives its greeting and its port.

    The server must then stop in order.
    """
    log = folder / "server.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            greeting = process.stdout.readline()
            found = re.search(r"listens on http://\S+:(\d+) ", greeting)
            assert found is not None, greeting + log.read_text()
            # It is greeted before it minds signals; an answer comes only after.
            health = f"http://127.0.0.1:{found[1]}/health"
            assert urllib.request.build_opener().open(health, timeout=10).status == 200
            yield greeting, found[1]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        assert "stopped" in process.stdout.read()


@contextlib.contextmanager
def provider_beside() -> Iterator[str]:
    """The base URL of a provider that answers everything, in a thread of its own."""
    started, stop = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with Provider() as provider:
            urls.append(provider.base_url)
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10)
    try:
        yield urls[0]
    finally:
        stop.set()
        thread.join()
