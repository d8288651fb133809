"""A file's lock: the operating system gives it back when the process dies, however it dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            # A byte far behind the holder's number, which others must be able to read.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class LockedFile(NamedTuple):
    """A lock that is held until its descriptor is closed; ``before`` is who held it before."""

    descriptor: int
    before: str


def lock_file(path: Path, holder: str) -> LockedFile | None:
    """The file's lock, with the holder's name written into the file; None when another has it.

    The file stays when the lock goes: removing it would let two processes lock two files.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not _try_lock(descriptor):
        os.close(descriptor)
        return None
    before = os.read(descriptor, 200).decode("ascii", "replace").strip()
    os.truncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, f"{holder}\n".encode())
    return LockedFile(descriptor, before)
