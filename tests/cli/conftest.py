"""Places to call commands in: an empty one, one with a ledger, one with a server beside it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmrouter.bootstrap.joining import Router
from llmrouter.bootstrap.running import running
from llmrouter.cli import cli
from llmrouter.demo.cast import document, providers
from llmrouter.settings import Keyring, Settings

Invoke = Callable[..., Result]

OURS = ("LLMROUTER_", "OLLAMA_", "ROUTING_MODE", "ROUTER_API_MODEL", "COLUMNS")

REQUESTS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("my-request-1", {"messages": [{"role": "user", "content": "Hello! How are you?"}]}),
    ("my-request-2", {"messages": [{"role": "user", "content": "Write a Python function"}]}),
    ("my-request-3", {"model": "shaky/coder", "messages": [{"role": "user", "content": "Hi"}]}),
    ("my-request-4", {"messages": [{"role": "us\ar", "content": "Hi"}, 3], "temperature": "x"}),
)
"""Four requests: one answered, one after a failure, one failed, one rejected."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: where it answers, and its data folder."""

    url: str
    data_dir: Path

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with nothing of the user's in the environment; its ``data`` is the
    data folder."""
    for name in filter(_steers, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMROUTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LLMROUTER_PORT", str(free_port()))
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:9")  # discard: nobody listens there
    return tmp_path


@pytest.fixture
def invoke(place: Path) -> Invoke:
    """Calls the command line in the place."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, list(arguments), prog_name="llmrouter")

    return call


@pytest.fixture(scope="session")
def ledger_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose ledger holds `REQUESTS` and the demo's configuration as version 2."""
    folder = tmp_path_factory.mktemp("ledger")
    asyncio.run(_fill(folder))
    return folder


@pytest.fixture
def ledger(place: Path, ledger_folder: Path) -> Path:
    """The place with that ledger in its data folder."""
    shutil.copytree(ledger_folder / "data", place / "data")
    shutil.copy(ledger_folder / "router_config.json", place)
    return place


@pytest.fixture(scope="session")
def server(ledger_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server on a copy of that ledger, in a process of its own."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(ledger_folder / "data", folder / "data")
    clean = {name: value for name, value in os.environ.items() if not _steers(name)}
    environment = {**clean, "LLMROUTER_DATA_DIR": str(folder / "data"), "LLMROUTER_PORT": "0"}
    command = [sys.executable, "-m", "llmrouter", "serve"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as process:
        assert process.stdout is not None
        yield Server(process.stdout.readline().split()[3], folder / "data")
        process.terminate()


def _steers(name: str) -> bool:
    return name.startswith(OURS) or name.endswith("_API_KEY")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _fill(folder: Path) -> None:
    config_file = folder / "router_config.json"
    settings = Settings.model_construct(host="127.0.0.1", port=0, data_dir=folder / "data")
    async with AsyncExitStack() as stack:
        urls = {
            name: await stack.enter_async_context(provider.serving())
            for name, provider in providers().items()
        }
        config_file.write_text(json.dumps(document(urls)))
        router = await stack.enter_async_context(
            running(settings, Keyring({}), config_file=config_file)
        )
        for client_id, body in REQUESTS:
            await _post(router, client_id, body)


async def _post(router: Router, client_id: str, body: Mapping[str, Any]) -> None:
    """One request on the server's own application, without a socket."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(_message: object) -> None:
        return None

    headers = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "x-request-id": client_id,
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await router.front(scope, receive, send)
