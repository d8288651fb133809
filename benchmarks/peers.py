"""LiteLLM and Portkey: installed into a cache folder, and started like the router.

Both forward to the same provider; neither keeps a ledger.  What cannot be installed here (no
network, no node) is left out with its reason.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.load import Address
from benchmarks.servers import Server, free_port, running

LITELLM = "litellm[proxy]"
PORTKEY = "@portkey-ai/gateway"
PORTKEY_OVERRIDES = {"@hono/node-server": "1.3.3"}
"""With the release that npm resolves by itself, Portkey answers streams with 500."""

INSTALL_S = 600.0


class Missing(Exception):
    """A peer cannot be measured here; the message says why."""


Started = AbstractContextManager[tuple[Server, Address]]
"""A process that runs for as long as the block does, and whom to ask."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another router, installed.  ``start`` takes the provider, a folder, and a processor."""

    name: str
    version: str
    start: Callable[[Server, Path, int | None], Started]


def cache_folder() -> Path:
    """Where peers are kept between runs."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "llmrouter-benchmarks"


def litellm(cache: Path) -> Peer:
    """LiteLLM from PyPI, in a virtual environment of this Python.  Raises `Missing`."""
    folder = cache / f"litellm-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / "bin" / "litellm").exists():
        uv = shutil.which("uv")
        make = [uv, "venv", "--quiet"] if uv else [sys.executable, "-m", "venv"]
        fill = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip"]
        python_option = ["--python", sys.executable] if uv else []
        _install("LiteLLM", [*make, *python_option, str(folder)])
        _install("LiteLLM", [*fill, *([] if uv else ["install"]), "--quiet", LITELLM])
    said = "import importlib.metadata as m; print(m.version('litellm'))"
    version = subprocess.run([python, "-c", said], capture_output=True, text=True, check=True)
    return Peer("LiteLLM", version.stdout.strip(), partial(_litellm, folder))


def portkey(cache: Path) -> Peer:
    """Portkey from npm; node and npm are found on the path.  Raises `Missing`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing("Portkey needs node and npm, which are not on the path")
    folder = cache / "portkey"
    package = folder / "node_modules" / PORTKEY
    if not (package / "build" / "start-server.js").exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {"private": True, "dependencies": {PORTKEY: "*"}, "overrides": PORTKEY_OVERRIDES}
        (folder / "package.json").write_text(json.dumps(wanted))
        _install("Portkey", [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder)])
    version = json.loads((package / "package.json").read_text())["version"]
    return Peer("Portkey", version, partial(_portkey, node, package))


@contextmanager
def _litellm(
    folder: Path, provider: Server, run: Path, processor: int | None
) -> Iterator[tuple[Server, Address]]:
    port, config = free_port(), run / "litellm.json"  # JSON is YAML
    parameters = {
        "model": "openai/*",
        "api_base": f"http://127.0.0.1:{provider.port}/v1",
        "api_key": "none",
    }
    document = {
        "model_list": [{"model_name": "*", "litellm_params": parameters}],
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "general_settings": {"master_key": "sk-bench"},
    }
    config.write_text(json.dumps(document))
    said = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    command = [str(folder / "bin" / "litellm"), "--config", str(config), *said]
    environment = {
        **os.environ,
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with running(command, port, environment, processor=processor, quiet=True) as server:
        yield server, Address(port, "plain", headers=(("authorization", "Bearer sk-bench"),))


@contextmanager
def _portkey(
    node: str, package: Path, provider: Server, _run: Path, processor: int | None
) -> Iterator[tuple[Server, Address]]:
    port = free_port()
    command = [node, str(package / "build" / "start-server.js"), f"--port={port}", "--headless"]
    environment = {**os.environ, "NODE_ENV": "production"}
    headers = (
        ("authorization", "Bearer none"),
        ("x-portkey-provider", "openai"),
        ("x-portkey-custom-host", f"http://127.0.0.1:{provider.port}/v1"),
    )
    with running(command, port, environment, processor=processor, quiet=True) as server:
        yield server, Address(port, "plain", headers=headers)


def _install(name: str, command: list[str | None]) -> None:
    print(f"Installing {name} ...", file=sys.stderr)
    words = [word for word in command if word is not None]
    try:
        subprocess.run(words, check=True, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines()
        raise Missing(f"{name} could not be installed: {lines[-1] if lines else error}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{name} could not be installed: {error}") from error
