"""``llmrouter requests``: lists requests, or tells the whole story of one."""

from __future__ import annotations

from typing import get_args

import click

from llmrouter.cli.ledger import reading
from llmrouter.cli.output import as_json, fail, print_json, print_table, run
from llmrouter.cli.parameters import limit, since
from llmrouter.cli.story import tell
from llmrouter.core.ids import read_id, show_id
from llmrouter.core.ledger import RequestRow
from llmrouter.core.routing import Ending, Purpose
from llmrouter.settings import read_settings
from llmrouter.store.queries.requests import RequestFilter, RequestPage
from llmrouter.store.queries.story import RequestStory
from llmrouter.web.rows import show_request, show_story, show_time, show_usd

COLUMNS = ("request", "started (UTC)", "ending", "category", "model", "tries", "ms", "cost")


@click.command(
    name="requests",
    epilog="\b\nExamples:\n  llmrouter requests\n"
    "  llmrouter requests --since 24h --ending failed --limit 50\n"
    "  llmrouter requests my-request-1",
)
@click.argument("request_id", metavar="[ID]", required=False)
@limit
@since
@click.option("--ending", type=click.Choice(get_args(Ending)), help="Only those that ended so.")
@click.option("--category", help="Only those of this category.")
@click.option("--model", help="Only those that this model answered: provider/model, or its id.")
@click.option(
    "--purpose",
    type=click.Choice(get_args(Purpose)),
    default="live",
    show_default=True,
    help="Clients' own requests, or what else the ledger holds.",
)
@as_json
def command(
    request_id: str | None,
    limit: int,
    since_us: int | None,
    ending: Ending | None,
    category: str | None,
    model: str | None,
    purpose: Purpose,
    as_json: bool,
) -> None:
    """List requests, newest first, or tell the whole story of one.

    ID is the router's (x-llmrouter-request-id, req_…) or the one that the client sent as
    X-Request-Id.
    """
    if request_id is not None:
        story = run(_story(request_id))
        if as_json:
            print_json(show_story(story))
        else:
            tell(story)
        return
    wanted = RequestFilter(ending, category, model, since_us, purpose)
    page = run(_page(limit, wanted))
    if as_json:
        print_json(
            {
                "requests": [show_request(row) for row in page.requests],
                "next_before": None if page.next_before is None else show_id(page.next_before),
            }
        )
        return
    if not page.requests:
        click.echo("no such requests in the ledger")
        return
    print_table(COLUMNS, map(_cells, page.requests))
    if page.next_before is not None:
        click.echo("there are more; --limit shows them")


async def _page(limit: int, wanted: RequestFilter) -> RequestPage:
    async with reading(read_settings()) as reader:
        return await reader.request_page(limit=limit, wanted=wanted)


async def _story(request_id: str) -> RequestStory:
    async with reading(read_settings()) as reader:
        number = read_id(request_id)
        story = None if number is None else await reader.request_story(number)
        if story is None:
            sent = await reader.requests_by_client_id(request_id, limit=1)
            story = await reader.request_story(sent[0].id) if sent else None
        if story is None:
            fail(
                f"there is no request `{request_id}` in the ledger; `llmrouter requests` lists them"
            )
        return story


def _cells(row: RequestRow) -> tuple[object, ...]:
    started = show_time(row.started_us) or ""
    cost = show_usd(row.cost_nusd)
    return (
        show_id(row.id),
        f"{started[5:10]} {started[11:19]}",
        row.ending,
        row.category,
        f"{row.provider}/{row.model}" if row.provider else None,
        row.attempts,
        round(row.duration_us / 1000),
        None if cost is None else f"${cost:.6f}",
    )
