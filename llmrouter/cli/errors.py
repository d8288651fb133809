"""``llmrouter errors``: requests that were rejected, and everything that was wrong with each."""

from __future__ import annotations

from typing import Any

import click

from llmrouter.cli.ledger import reading
from llmrouter.cli.output import as_json, inert, print_json, run
from llmrouter.cli.parameters import limit, since
from llmrouter.core.ids import show_id
from llmrouter.settings import read_settings
from llmrouter.store.queries.rejections import Rejection
from llmrouter.web.rows import show_time


@click.command(
    name="errors",
    epilog="\b\nExamples:\n  llmrouter errors\n  llmrouter errors --since 24h --json",
)
@limit
@since
@as_json
def command(limit: int, since_us: int | None, as_json: bool) -> None:
    """List requests that were rejected before anything was sent, newest first.

    Requests that failed later are `llmrouter requests --ending failed`.
    """
    found = run(_rejections(limit, since_us))
    if as_json:
        print_json({"errors": [_document(rejection) for rejection in found]})
        return
    if not found:
        click.echo("no request was rejected")
    for rejection in found:
        _tell(rejection)


async def _rejections(limit: int, since_us: int | None) -> tuple[Rejection, ...]:
    async with reading(read_settings()) as reader:
        return await reader.rejections(limit=limit, since_us=since_us)


def _tell(rejection: Rejection) -> None:
    row = rejection.request
    status = click.style(str(row.http_status), fg="red", bold=True)
    started = (show_time(row.started_us) or "")[:19].replace("T", " ")
    click.echo(f"{show_id(row.id)}  {started}Z  {status} {rejection.code}  {row.endpoint}")
    if not rejection.errors:
        click.echo(f"    {inert(rejection.message)}")
    for fault in rejection.errors:
        click.echo(inert(f"    {fault['field']}: {fault['message']}"))


def _document(rejection: Rejection) -> dict[str, Any]:
    row = rejection.request
    return {
        "id": show_id(row.id),
        "started_at": show_time(row.started_us),
        "http_status": row.http_status,
        "code": rejection.code,
        "message": rejection.message,
        "param": rejection.param,
        "errors": [dict(fault) for fault in rejection.errors],
        "endpoint": row.endpoint,
        "dialect": row.dialect,
        "requested_model": row.requested_model,
        "client_request_id": row.client_request_id,
    }
