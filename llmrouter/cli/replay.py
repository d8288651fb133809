"""``llmrouter replay``: what would another configuration have done with the logged requests?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import click

from llmrouter.cli import configuration, replaying
from llmrouter.cli.live_command import LiveOptionsSaid, send_live, with_live_options
from llmrouter.cli.live_output import print_live
from llmrouter.cli.output import as_json, fail, print_json, print_table, run
from llmrouter.cli.parameters import since, until
from llmrouter.cli.progress import progress_bar
from llmrouter.cli.replay_files import write_csv, write_html
from llmrouter.cli.replay_report import print_check, print_difference, print_report
from llmrouter.core.replay import ReplayAsked, ReplayRow, ReplayWindow
from llmrouter.core.routing import Mode
from llmrouter.web.replays import show_replay
from llmrouter.web.rows import show_time


def _new_file(_context: click.Context, _option: click.Parameter, file: Path | None) -> Path | None:
    """A file that can be made: better to know before anything is sent."""
    if file is not None and not file.parent.is_dir():
        raise click.BadParameter(f"{file} cannot be written: its folder does not exist")
    return file


_outputs = (
    click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path),
                 callback=_new_file, help="Write a row for each request."),
    click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path),
                 callback=_new_file, help="Write the report as one page with charts."),
    as_json,
)  # fmt: skip


def _with_outputs(command: Any) -> Any:
    for option in reversed(_outputs):
        command = option(command)
    return command


@click.group(
    name="replay",
    invoke_without_command=True,
    epilog="\b\nExamples:\n"
    "  llmrouter replay --set 'categories.code.models=[\"openai/gpt-4o-mini\"]' --since 7d\n"
    "  llmrouter replay --config candidate.json --sample 2000 --html report.html\n"
    "  llmrouter replay --mode local\n"
    "  llmrouter replay --check\n"
    "  llmrouter replay --set 'categories.code.models=[\"openai/gpt-4.1\"]' --live --max-usd 2",
)
@click.option("--config", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Try this file's configuration.")  # fmt: skip
@click.option("--version", "version", type=click.IntRange(min=1),
              help="Try (or change) this version.  [default: the newest]")  # fmt: skip
@click.option("--set", "changes", multiple=True, metavar="PATH=VALUE",
              help="Change a value (JSON); may be given several times.")  # fmt: skip
@click.option("--mode", type=click.Choice(get_args(Mode)), help="Classify in this mode.")
@since
@until
@click.option("--category", help="Only requests of this category.")
@click.option("--model", help="Only requests that this model answered.")
@click.option("--key", "key_id", help="Only requests with this client key.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many.")
@click.option("--sample", type=click.IntRange(min=1), help="So many of them, by lot.")
@click.option("--seed", type=int, default=1, show_default=True, help="For lots and intervals.")
@click.option("--breakers", type=click.Choice(["then", "ignore"]), default="then",
              help="Whether breakers and locks of then count.  [default: then]")  # fmt: skip
@click.option("--prices", type=click.Choice(["then", "today"]), default="then",
              help="What old costs are counted at.  [default: then]")  # fmt: skip
@with_live_options
@click.option("--check", is_flag=True, help="Decide again what was decided: nothing may change.")
@_with_outputs
def command(
    file: Path | None,
    version: int | None,
    changes: tuple[str, ...],
    mode: Mode | None,
    since_us: int | None,
    until_us: int | None,
    category: str | None,
    model: str | None,
    key_id: str | None,
    limit: int | None,
    sample: int | None,
    seed: int,
    breakers: Literal["then", "ignore"],
    prices: Literal["then", "today"],
    check: bool,
    csv_file: Path | None,
    html_file: Path | None,
    as_json: bool,
    **live: Any,
) -> None:
    """Say what another configuration would have done with the requests in the ledger.

    Each request is decided again as of the time it came: breakers, cooldowns, keys and
    conversations as they were.  Nobody is called, unless --live is said: then the requests are
    really sent to the new models, within a budget.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    window = ReplayWindow(since_us, until_us, category, model, key_id, limit, sample, seed)
    if file is not None and version is not None:
        raise click.UsageError("--config and --version exclude each other")
    said = LiveOptionsSaid(**live)
    if not said.live:
        _refuse_live_options(said)
    if check:
        _check(window, as_json=as_json, tried=bool(file or version or changes or mode))
        return
    if not (said.live or file or version or changes or mode):
        raise click.UsageError("say what to try: --config, --set, --mode or --version; or --check")
    document = None if file is None else run(configuration.checked(file)).document
    asked = ReplayAsked(
        window,
        document=document,
        document_label=None if file is None else file.name,
        version=version,
        changes=changes,
        mode=mode,
        breakers=breakers,
        prices=prices,
    )
    if said.live:
        if breakers != "then" or prices != "then":
            raise click.UsageError("--breakers and --prices are for replays that send nothing")
        if said.resume is not None and asked != ReplayAsked(ReplayWindow(seed=seed)):
            raise click.UsageError(
                "--resume goes on with what the replay tries, on the requests that it took; only "
                "--max-usd, --max-requests and --concurrency may be others"
            )
        row = send_live(said, asked)
    else:
        with progress_bar("replaying") as progress:
            row = run(replaying.replayed(asked, progress))
    _tell(row, csv_file, html_file, as_json=as_json)


@command.command(epilog="\b\nExample:\n  llmrouter replay list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@as_json
def list(limit: int, as_json: bool) -> None:  # noqa: A001 -- it is the command's name
    """List the replays that were kept, newest first."""
    rows = run(replaying.listed(limit))
    if as_json:
        print_json({"replays": [_shown(row, whole=False) for row in rows]})
        return
    print_table(
        ("replay", "begun", "kind", "state", "requests", "done", "changed", "candidate"),
        (
            (
                row.id,
                (show_time(row.created_us) or "")[:16],
                row.kind,
                replaying.shown_state(row),
                row.requests,
                row.done,
                row.changed,
                row.label,
            )
            for row in rows
        ),
    )


@command.command(epilog="\b\nExample:\n  llmrouter replay show 3 --html replay.html")
@click.argument("number", type=click.IntRange(min=1))
@_with_outputs
def show(number: int, csv_file: Path | None, html_file: Path | None, as_json: bool) -> None:
    """Show what came out of a replay."""
    _tell(run(replaying.found(number)), csv_file, html_file, as_json=as_json)


@command.command(epilog="\b\nExample:\n  llmrouter replay resume 3")
@click.argument("number", type=click.IntRange(min=1))
@_with_outputs
def resume(number: int, csv_file: Path | None, html_file: Path | None, as_json: bool) -> None:
    """Go on with a replay that was interrupted."""
    if run(replaying.found(number)).kind == "live":
        fail(
            f"replay {number} is a live one; go on with it by "
            f"`llmrouter replay --live --resume {number} --max-usd …`"
        )
    with progress_bar("replaying") as progress:
        row = run(replaying.resumed(number, progress))
    _tell(row, csv_file, html_file, as_json=as_json)


@command.command(epilog="\b\nExample:\n  llmrouter replay diff 3 4")
@click.argument("a", type=click.IntRange(min=1))
@click.argument("b", type=click.IntRange(min=1))
@as_json
def diff(a: int, b: int, as_json: bool) -> None:
    """Compare two replays, figure by figure."""
    one, other = run(replaying.found(a)), run(replaying.found(b))
    for row in (one, other):
        if row.report is None:
            fail(f"replay {row.id} is not finished: llmrouter replay resume {row.id}")
        if row.kind == "live":
            fail(f"replay {row.id} is a live one; `llmrouter replay show {row.id}` compares")
    if as_json:
        print_json({"a": _shown(one), "b": _shown(other)})
    else:
        print_difference(one, other)


@command.command(epilog="\b\nExample:\n  llmrouter replay promote 3")
@click.argument("number", type=click.IntRange(min=1))
@as_json
def promote(number: int, as_json: bool) -> None:
    """Make a replay's candidate the running configuration, as a new version that names it."""
    row = run(replaying.found(number))
    if row.candidate is None:
        fail(f"replay {number} tried no candidate")
    made = run(configuration.adopt(row.candidate, f"promoted from replay {number}: {row.label}"))
    if as_json:
        print_json({"status": "ok", "version": made.number, "changed": made.changed})
    elif not made.changed:
        click.echo(f"nothing to change: version {made.number} says the same as replay {number}")
    else:
        click.echo(f"replay {number} is configuration version {made.number}, {made.where}")


@command.command(hidden=True)
@click.argument("number", type=click.IntRange(min=1))
def work(number: int) -> None:
    """Carry out a replay that a server began, and print what it finds for the server."""
    run(replaying.worked(number))


def _check(window: ReplayWindow, *, as_json: bool, tried: bool) -> None:
    if tried:
        raise click.UsageError("--check tries nothing: each request runs under its own version")
    with progress_bar("checking") as progress:
        found = run(replaying.checked(window, progress))
    if as_json:
        print_json(found.document())
    else:
        print_check(found)
    if not found.holds:
        raise click.exceptions.Exit(1)


def _refuse_live_options(said: LiveOptionsSaid) -> None:
    if said.resume is not None:
        raise click.UsageError("--resume is for --live; say `llmrouter replay resume ID`")
    for option in said.beyond_default():
        raise click.UsageError(f"{option} is for --live; nothing is sent without")


def _tell(row: ReplayRow, csv_file: Path | None, html_file: Path | None, *, as_json: bool) -> None:
    if csv_file is not None:
        run(write_csv(row, csv_file))
    if html_file is not None:
        write_html(row, html_file)
    if as_json:
        print_json(_shown(row))
    elif row.kind == "live" and row.report is not None:
        print_live(row.id, row.report)
    else:
        print_report(row, replaying.shown_state(row))


def _shown(row: ReplayRow, *, whole: bool = True) -> dict[str, Any]:
    if whole and row.kind == "live":
        state = replaying.shown_state(row)
        return {"replay": row.id, "state": state, "candidate": row.label, **(row.report or {})}
    return {**show_replay(row, whole=whole), "state": replaying.shown_state(row)}
