"""The machine that measures, in words: figures of two machines or two builds do not compare."""

from __future__ import annotations

import os
import platform
import re
import sysconfig
from datetime import UTC, datetime
from pathlib import Path

CHOICES = ("LLMROUTER_HTTP_CLIENT", "LLMROUTER_HTTP_SERVER", "LLMROUTER_EVENT_LOOP")


def machine() -> str:
    """Date, processor, load, system and Python, and what the environment chose."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.machine()
    said = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        processor,
        f"{os.cpu_count()} processors (load {os.getloadavg()[0]:.1f} before)",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()} {_build()}",
        *(f"{name}={os.environ[name]}" for name in CHOICES if name in os.environ),
    ]
    return ", ".join(said)


def is_busy() -> bool:
    """Whether others use the machine so much that the clock's figures mean little."""
    return os.getloadavg()[0] > (os.cpu_count() or 1) / 2


def _build() -> str:
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    optimised = "--enable-optimizations" in options
    return "(built with PGO)" if optimised else "(built without PGO)"
