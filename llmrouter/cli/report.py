"""``llmrouter report``: what traffic cost, how fast it was, how it failed, where it went."""

from __future__ import annotations

from pathlib import Path

import click

from llmrouter.cli.ledger import reading
from llmrouter.cli.output import as_json, fail, print_json, print_table, run, wrapped
from llmrouter.cli.parameters import database_option, day_span, first_day, last_day
from llmrouter.reports.forms import as_csv, as_html, rows_with_total, titles
from llmrouter.reports.forms import as_json as json_form
from llmrouter.reports.making import MAKERS
from llmrouter.reports.report import GROUPINGS, GroupedBy, Question, Report, ReportKind, Table
from llmrouter.settings import read_settings


def _groupings(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> tuple[GroupedBy, ...] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    chosen = [grouping for name in names for grouping in GROUPINGS if grouping == name]
    wrong = [name for name in names if name not in GROUPINGS]
    if wrong:
        raise click.BadParameter(f"{', '.join(wrong)}: choose from {', '.join(GROUPINGS)}")
    if len(set(chosen)) < len(chosen):
        raise click.BadParameter("names a column twice")
    return tuple(chosen)


@click.command(
    name="report",
    epilog="\b\nExamples:\n  llmrouter report\n"
    "  llmrouter report costs --by day,model --since 7d --csv\n"
    "  llmrouter report latency --by provider --html latency.html\n"
    "  llmrouter report savings --baseline openai/gpt-4o-mini\n"
    "  llmrouter report errors --database copy-of-llmrouter.db",
)
@click.argument("kind", type=click.Choice(list(MAKERS)), default="costs")
@first_day
@last_day
@click.option(
    "--by",
    metavar="COLUMN,…",
    callback=_groupings,
    help=f"One row for each: any of {', '.join(GROUPINGS)}; '' is one row for all.  "
    "[default: model, for categories category]",
)
@click.option(
    "--baseline",
    metavar="PROVIDER/MODEL",
    help="For `savings`: the model that everything might have been sent to.",
)
@click.option("--csv", "as_csv_", is_flag=True, help="Print the first table as CSV.")
@click.option("--table", "table_name", metavar="NAME", help="With --csv: this table instead.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a page with charts to this file: it needs no network and no script.",
)
@database_option
@as_json
def command(
    kind: ReportKind,
    since_us: int | None,
    until_us: int | None,
    by: tuple[GroupedBy, ...] | None,
    baseline: str | None,
    as_csv_: bool,
    table_name: str | None,
    html_file: Path | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Say what live traffic cost, how fast it was, how it failed, where it went, what was saved.

    KIND is costs (the default), latency, errors, categories or savings.  Reports read daily sums,
    so they are as quick on a long history as on a short one; days are those of UTC.
    """
    if as_csv_ and as_json:
        raise click.UsageError("choose one of --csv and --json")
    if baseline is not None and kind != "savings":
        raise click.UsageError("--baseline belongs to `llmrouter report savings`")
    by = ("category" if kind == "categories" else "model",) if by is None else by
    question = Question(day_span(since_us, until_us), by, baseline)
    report = run(_report(kind, question, database))
    if html_file is not None:
        _write(html_file, as_html(report))
    if as_json:
        print_json(json_form(report))
    elif as_csv_:
        click.echo(as_csv(_table(report, table_name)), nl=False)
    elif html_file is None:
        _print(report)


async def _report(kind: ReportKind, question: Question, database: str | None) -> Report:
    async with reading(read_settings(), database) as reader:
        return await MAKERS[kind](reader, question)


def _table(report: Report, name: str | None) -> Table:
    if name is None:
        return report.tables[0]
    found = {table.name: table for table in report.tables}
    if name not in found:
        raise click.UsageError(f"--table {name}: this report has {', '.join(found)}")
    return found[name]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")
    click.echo(f"wrote {path}", err=True)


def _print(report: Report) -> None:
    click.echo(f"{report.title}, {report.span.shown} (days in UTC)")
    if report.is_empty:
        click.echo("nothing in these days")
        return
    for table in report.tables:
        click.echo()
        if len(report.tables) > 1:
            click.echo(f"{table.title}:")
        if table.rows:
            print_table(titles(table), rows_with_total(table))
        else:
            click.echo("none")
    for note in report.notes:
        click.echo("\n" + wrapped(note, indent=0))
