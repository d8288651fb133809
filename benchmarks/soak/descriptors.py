"""What a process has open, each thing by a name that says what it is for (Linux)."""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

LISTENING: Final = "0A"
"""Linux's number for that state of a socket."""


def open_in(process: int, *, serves: int) -> Counter[str]:
    """So many of each kind; ``serves`` is the port that its clients come to."""
    sockets = _sockets(process, serves)
    kinds: Counter[str] = Counter()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            kinds[_kind(os.readlink(link), sockets)] += 1
    return kinds


def _kind(target: str, sockets: dict[str, str]) -> str:
    if target.startswith("socket:"):
        return sockets.get(target, "local socket")
    if target.startswith("/"):
        return Path(target).name
    return re.sub(r":\[\d+\]|[\[\]]", "", target)  # pipe:[7], anon_inode:[eventpoll]


def _sockets(process: int, serves: int) -> dict[str, str]:
    """What each TCP socket is for, by the name that its descriptor links to."""
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            _, local, remote, state, *_, inode = line.split()[:10]
            ours, theirs = (int(end.rpartition(":")[2], 16) for end in (local, remote))
            if state == LISTENING:
                kind = "listening socket"
            elif ours == serves:
                kind = "client's connection"
            else:
                kind = f"connection to port {theirs}"
            found[f"socket:[{inode}]"] = kind
    return found
