"""``llmrouter explain``: how a message would be classified and routed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import orjson

from llmrouter.bootstrap.deciding import deciding_stages
from llmrouter.cli.current import current
from llmrouter.cli.output import as_json, print_json, print_table, run
from llmrouter.core.clock import SystemClock
from llmrouter.core.ids import RequestIds
from llmrouter.dialects.registry import DIALECTS
from llmrouter.pipeline.conversations import Conversations
from llmrouter.pipeline.exchange import Caller, Exchange
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.runner import Pipeline
from llmrouter.settings import read_keyring, read_settings
from llmrouter.web.explain import show_explanation

TEXT_SHOWN_CHARACTERS = 200
SOME_TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {"name": "some_tool", "parameters": {"type": "object", "properties": {}}},
}


@click.command(
    name="explain",
    epilog='\b\nExamples:\n  llmrouter explain "Write a Python function that adds two numbers"\n'
    '  llmrouter explain --tools "What is the weather in Paris?"\n'
    '  llmrouter explain --model gpt-4o-mini --json "Hello"',
)
@click.argument("text")
@click.option("--tools", is_flag=True, help="As if the request offered the model a tool.")
@click.option("--model", help="As if the client named this model or route.")
@as_json
def command(text: str, tools: bool, model: str | None, as_json: bool) -> None:
    """Say how a message would be classified and routed, and why; nothing is sent.

    Configuration and breakers are read from the ledger, where there is one; a server need not run.
    """
    explanation = run(_explained(text, tools=tools, model=model))
    if as_json:
        print_json(explanation)
        return
    _show_classification(explanation)
    _show_decision(explanation["decision"])


async def _explained(text: str, *, tools: bool, model: str | None) -> dict[str, Any]:
    settings, keyring, clock = read_settings(), read_keyring(), SystemClock()
    table, availability = await current(settings, keyring, clock)
    stages = deciding_stages(availability, keyring, Conversations(), Knowledge(clock))
    exchange = Exchange(RequestIds(clock).next(), table, DIALECTS["openai"], clock)
    exchange.caller = Caller(endpoint="/explain", headers={})
    request: dict[str, Any] = {"messages": [{"role": "user", "content": text}]}
    if model is not None:
        request["model"] = model
    if tools:
        request["tools"] = [SOME_TOOL]
    exchange.body = orjson.dumps(request)
    await Pipeline(stages, ()).advance(exchange)
    if exchange.error is not None:
        raise exchange.error
    return {**show_explanation(exchange), "stage_us": exchange.stage_us()}


def _show_classification(explanation: Mapping[str, Any]) -> None:
    found = explanation["classification"]
    text = " ".join(explanation["text"].split())[:TEXT_SHOWN_CHARACTERS]
    asked, answered = found["mode_asked"], found["mode"]
    modes = f"mode {asked}" if answered in (asked, None) else f"mode {asked}: {answered} answered"
    category = click.style(found["category"] or "none: the client names its model", bold=True)
    click.echo(f"text        {text}")
    click.echo(f"category    {category}")
    click.echo(f"decided by  {found['decided_by']} ({modes})")
    if found["confidence"] is not None:
        click.echo(f"confidence  {found['confidence']:.2f}")
    if found["scores"]:
        ranked = sorted(found["scores"].items(), key=lambda item: -item[1])
        click.echo("scores      " + ", ".join(f"{name} {score:.3g}" for name, score in ranked))
    if found["evidence"]:
        click.echo("evidence    " + ", ".join(found["evidence"]))
    spent = explanation["stage_us"]
    click.echo(f"took        {spent['classify'] / 1000:.2f} ms to classify")


def _show_decision(decision: Mapping[str, Any]) -> None:
    version = decision["config_version"]
    named = f"configuration version {version}" if version else "the built-in configuration"
    click.echo(f"\nroute {decision['route']}, strategy {decision['strategy']}, {named}")
    rows, place = [], 0
    for candidate in decision["candidates"]:
        refused, detail = candidate["refused"], candidate["detail"]
        place += refused is None
        account = "" if candidate["account"] == "default" else f"#{candidate['account']}"
        reason = refused + (f" ({detail})" if detail else "") if refused else "can be asked"
        rows.append(("" if refused else f"{place}.", candidate["target"] + account, reason))
    print_table(("", "candidate", ""), rows)
    if not place:
        click.echo("\nNo candidate can be asked: `llmrouter doctor` says what is missing.")
