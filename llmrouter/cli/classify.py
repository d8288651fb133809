"""``llmrouter classify``: how good the classification is, on prompts with labels or by what
people corrected."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import orjson

from llmrouter.bootstrap.deciding import deciding_stages
from llmrouter.cli.current import current
from llmrouter.cli.ledger import reading
from llmrouter.cli.output import as_json, fail, print_json, print_table, run
from llmrouter.cli.parameters import since
from llmrouter.core.clock import SystemClock
from llmrouter.core.ids import RequestIds
from llmrouter.core.records import Record
from llmrouter.core.routing import Classification, Mode
from llmrouter.dialects.registry import DIALECTS
from llmrouter.pipeline.conversations import Conversations
from llmrouter.pipeline.exchange import Caller, Exchange
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.runner import Pipeline
from llmrouter.policy.scoring import Judged, Score, score
from llmrouter.policy.table import RoutingTable, compile_table
from llmrouter.settings import read_keyring, read_settings
from llmrouter.store.queries.corrections import CorrectionCount

WRONG_SHOWN = 10


class Row(Record):
    """One line of the file; ``label`` is None where there is none."""

    messages: Sequence[Mapping[str, Any]]
    label: str | None
    also: tuple[str, ...]


class Answer(Record):
    """A row and what became of it."""

    row: Row
    found: Classification
    duration_us: int


@click.command(
    name="classify",
    epilog="\b\nExamples:\n  llmrouter classify --file prompts.jsonl\n"
    "  llmrouter classify --file prompts.jsonl --mode keywords --json\n"
    "  llmrouter classify --corrections --since 30d",
)
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Prompts, a JSON object a line: {"text" or "messages", "category"?, "also"?}.',
)
@click.option("--mode", type=click.Choice(get_args(Mode)), help="Classify by this mode instead.")
@click.option("--corrections", is_flag=True, help="Count what people corrected, from the ledger.")
@since
@as_json
def command(
    file: Path | None, mode: Mode | None, corrections: bool, since_us: int | None, as_json: bool
) -> None:
    """Measure the classification: accuracy, F1 and confusion where prompts have labels.

    No model is called: the modes ollama and api answer by what stands in for them.
    """
    if corrections == (file is not None):
        raise click.UsageError("say either --file or --corrections")
    if file is None:
        _show_corrections(run(_corrections(since_us)), as_json=as_json)
        return
    answers = run(_classified(list(_rows(file)), mode))
    judged = [
        Judged(a.found.category, a.row.label, a.row.also)
        for a in answers
        if a.row.label is not None
    ]
    if as_json:
        print_json(_document(answers, score(judged)))
    else:
        _show(answers, score(judged))


async def _corrections(since_us: int | None) -> tuple[CorrectionCount, ...]:
    async with reading(read_settings()) as reader:
        return await reader.corrections(since_us=since_us)


async def _classified(rows: Sequence[Row], mode: Mode | None) -> list[Answer]:
    settings, keyring, clock = read_settings(), read_keyring(), SystemClock()
    table, availability = await current(settings, keyring, clock)
    if mode is not None:
        table = _in_mode(table, mode)
    stages = deciding_stages(availability, keyring, Conversations(), Knowledge(clock))
    pipeline = Pipeline((stages.validate, stages.classify), ())
    ids = RequestIds(clock)
    answers = []
    for row in rows:
        exchange = Exchange(ids.next(), table, DIALECTS["openai"], clock, dry=True)
        exchange.caller = Caller(endpoint="/classify", headers={})
        exchange.body = orjson.dumps({"messages": row.messages})
        begun_us = time.perf_counter_ns() // 1000
        await pipeline.advance(exchange)
        if exchange.error is not None:
            raise exchange.error
        spent_us = time.perf_counter_ns() // 1000 - begun_us
        answers.append(Answer(row, exchange.classification, spent_us))
    return answers


def _in_mode(table: RoutingTable, mode: Mode) -> RoutingTable:
    routing = table.config.routing.model_copy(update={"mode": mode})
    config = table.config.model_copy(update={"routing": routing})
    return compile_table(table.version, table.document, config)


def _rows(file: Path) -> Iterator[Row]:
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            fail(f"{file}, line {number}: no JSON: {error}")
        match document:
            case {"messages": [_, *_] as messages}:
                pass
            case {"text": str(text)} | {"prompt": str(text)}:
                messages = [{"role": "user", "content": text}]
            case _:
                fail(f'{file}, line {number}: has no "text" and no "messages"')
        label = document.get("category")
        also = document.get("also") or ()
        yield Row(messages, label if isinstance(label, str) else None, tuple(also))


def _document(answers: Sequence[Answer], found: Score) -> dict[str, Any]:
    return {
        "rows": len(answers),
        "labelled": found.rows,
        "accuracy": found.accuracy,
        "lenient_accuracy": found.lenient_accuracy,
        "macro_f1": found.macro_f1,
        "mean_ms": _mean_ms(answers),
        "modes": dict(Counter(a.found.mode or "none" for a in answers)),
        "categories": {
            name: {
                "rows": category.rows,
                "answered": category.answered,
                "precision": category.precision,
                "recall": category.recall,
            }
            for name, category in found.categories.items()
        },
        "confusion": [
            {"label": label, "answered": answered, "rows": rows}
            for (label, answered), rows in found.confusion.items()
        ],
        "answers": [
            {
                "label": a.row.label,
                "category": a.found.category,
                "decided_by": a.found.decided_by,
                "confidence": a.found.confidence,
            }
            for a in answers
        ],
    }


def _show(answers: Sequence[Answer], found: Score) -> None:
    click.echo(f"{len(answers)} prompts, {_mean_ms(answers):.2f} ms each")
    modes = Counter(a.found.mode or "none" for a in answers)
    click.echo("answered by " + ", ".join(f"{mode} {rows}" for mode, rows in modes.most_common()))
    if not found.rows:
        counts = Counter(a.found.category for a in answers)
        print_table(("category", "prompts"), counts.most_common())
        return
    click.echo(
        f"accuracy {_share(found.accuracy)} of {found.strict_rows} with one right answer, "
        f"{_share(found.lenient_accuracy)} of all {found.rows}; macro-F1 {_share(found.macro_f1)}\n"
    )
    print_table(
        ("category", "rows", "answered", "precision", "recall"),
        (
            (name, c.rows, c.answered, _share(c.precision), _share(c.recall))
            for name, c in found.categories.items()
        ),
    )
    if found.confusion:
        ranked = sorted(found.confusion.items(), key=lambda item: -item[1])[:WRONG_SHOWN]
        click.echo("")
        print_table(
            ("label", "answered", "rows"), ((label, got, rows) for (label, got), rows in ranked)
        )


def _show_corrections(found: Sequence[CorrectionCount], *, as_json: bool) -> None:
    if as_json:
        counts = [
            {"decided": c.decided, "corrected": c.corrected, "mode": c.mode, "requests": c.requests}
            for c in found
        ]
        print_json({"corrections": counts})
        return
    if not found:
        click.echo("nobody has corrected a category yet: POST /requests/ID/feedback")
        return
    confirmed = sum(c.requests for c in found if c.decided == c.corrected)
    total = sum(c.requests for c in found)
    click.echo(f"{total} requests were judged, {confirmed} of them confirmed\n")
    print_table(
        ("decided", "should be", "mode", "requests"),
        ((c.decided, c.corrected, c.mode, c.requests) for c in found),
    )


def _mean_ms(answers: Sequence[Answer]) -> float:
    return sum(a.duration_us for a in answers) / 1000 / len(answers) if answers else 0.0


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
