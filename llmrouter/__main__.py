"""The command ``llmrouter``, and ``python -m llmrouter``."""

from __future__ import annotations

import sys

from llmrouter import __version__


def main() -> None:
    """Runs the command line; the version alone imports nothing."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"llmrouter {__version__}\n")
        return
    from llmrouter.cli import cli  # click costs 50 ms, which a version query need not pay

    cli(prog_name="llmrouter")


if __name__ == "__main__":
    main()
