"""The tour: prompts sent and told as they are answered, costs by SQL, a decision explained."""

from __future__ import annotations

import json
import shlex
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from llmrouter.demo.cast import PRICES, PROMPTS, PROVIDERS, Prompt
from llmrouter.demo.page import Page
from llmrouter.demo.visitor import Visit, Visitor, body_of

COSTS_SQL: Final = """\
SELECT provider, model, sum(requests) AS requests,
       sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out,
       round(sum(cost_usd), 6) AS usd
FROM v_costs_daily
GROUP BY provider, model
ORDER BY usd DESC"""

EXPLAINED: Final = "Debug this Python function: it returns None."


class Tour:
    """Guides through a router that serves already."""

    def __init__(self, page: Page, base_url: str, database: Path) -> None:
        self._page = page
        self._base_url = base_url
        self._database = database
        self._visitor = Visitor(base_url)
        self._total_usd = 0.0
        self._memorable_id = ""

    async def run(self) -> None:
        """The whole tour, up to the commands to try."""
        self._introduce()
        self._page.title(f"{len(PROMPTS)} prompts to {self._base_url}/v1/chat/completions")
        for number, prompt in enumerate(PROMPTS, start=1):
            self._tell(number, await self._visitor.ask(prompt))
        self._show_costs()
        self._show_decision(await self._visitor.explain(EXPLAINED))
        self._show_commands()

    def _introduce(self) -> None:
        page = self._page
        page.line(page.paint("llmrouter demo", "bold"))
        page.prose(
            "The providers below are SIMULATED by small HTTP servers in this process; so are their "
            "answers and prices. Router, HTTP and ledger are real. Nothing leaves this machine, no "
            "key and no file of yours is read, and the ledger is a temporary one."
        )
        page.line()
        rows = []
        for provider, models in PROVIDERS.items():
            for name, model in models.items():
                price = PRICES[f"{provider}/{name}"]
                amounts = (price["input_usd_per_mtok"], price["output_usd_per_mtok"])
                health = f"{model.latency_s * 1000:.0f} ms" if model.healthy else "always 503"
                rows.append((f"{provider}/{name}", *(f"${a:.2f}" for a in amounts), health))
        page.table(("simulated model", "in $/Mtok", "out $/Mtok", "first token"), rows)

    def _tell(self, number: int, visit: Visit) -> None:
        page, prompt = self._page, visit.prompt
        self._total_usd += visit.cost_usd or 0.0
        marks = [word for word, on in (("stream", prompt.stream), ("tools", prompt.tools)) if on]
        mark = f" [{', '.join(marks)}]" if marks else ""
        page.line(f"{number:>2}  {page.paint(prompt.text, 'bold')}{page.paint(mark, 'cyan')}")
        for attempt in visit.story["attempts"]:
            if attempt["outcome"] == "failed":
                self._warn(
                    f"{attempt['target']} answered {attempt['http_status']}: the next model was "
                    "asked at once"
                )
        for opened in visit.events("breaker.opened"):
            self._memorable_id = visit.story["id"]
            self._warn(
                f"{opened['target']} failed {opened['failures']} times: its breaker OPENED, it is "
                "passed over now"
            )
        for passed in _passed_over(visit):
            self._warn(f"{passed} was passed over: its breaker is open")
        cost = "cost unknown" if visit.cost_usd is None else f"${visit.cost_usd:.6f}"
        tries = "1 attempt" if visit.attempts == 1 else f"{visit.attempts} attempts"
        figures = f", {tries}, {visit.duration_ms:.0f} ms, {cost}"
        room = page.width - len(f"    {visit.category} () -> {visit.model}{figures}")
        page.line(
            f"    {page.paint(visit.category, 'cyan')} ({_cut(visit.evidence, room)}) -> "
            f"{page.paint(visit.model, 'green')}{figures}"
        )

    def _warn(self, text: str) -> None:
        self._page.line(self._page.paint(f"    ! {text}", "yellow"))

    def _show_costs(self) -> None:
        page = self._page
        page.title("What it cost, by model: SQL on the ledger")
        for line in COSTS_SQL.splitlines():
            page.line(page.paint("  " + line, "dim"))
        page.line()
        uri = f"file:{quote(str(self._database))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            found = connection.execute(COSTS_SQL)
            columns = [column[0] for column in found.description]
            page.table(columns, [[_shown(cell) for cell in row] for row in found])
        page.line(f"  together ${self._total_usd:.6f}, simulated like everything here")

    def _show_decision(self, explanation: Mapping[str, Any]) -> None:
        page = self._page
        found, decision = explanation["classification"], explanation["decision"]
        page.title("One decision explained: POST /explain calls nobody")
        page.line(f"  text        {explanation['text']}")
        scores = ", ".join(f"{name} {score:.3g}" for name, score in found["scores"].items())
        page.line(f"  category    {found['category']}, by {found['decided_by']} ({scores})")
        page.line(f"  evidence    {', '.join(found['evidence'])}")
        chosen = decision["chosen"]
        for candidate in decision["candidates"]:
            name, refused = candidate["target"], candidate["refused"]
            if refused is None:
                said = page.paint("would be asked first" if name == chosen else "next", "green")
            else:
                said = page.paint(f"{refused} {candidate['detail'] or ''}".strip(), "yellow")
            page.line(f"  candidate   {name:<14} {said}")

    def _show_commands(self) -> None:
        page, url = self._page, self._base_url
        page.title("Your turn: these work as typed, in another terminal")
        chat = _curl(url, "/v1/chat/completions", body_of(Prompt("A Python haiku")))
        streamed = body_of(Prompt("Prove that 2 + 2 = 4", stream=True))
        commands = [
            ("chat", chat),
            ("streaming", _curl(url, "/v1/chat/completions", streamed, "-N")),
            ("explain", _curl(url, "/explain", body_of(Prompt(EXPLAINED)))),
            ("figures", f"curl -s {url}/metrics"),
            ("a request's whole story", f"curl -s {url}/requests/{self._memorable_id}"),
            ("close the breaker by hand", _curl(url, "/circuit-breaker/reset/shaky/coder", {})),
        ]
        if shutil.which("sqlite3"):
            file = shlex.quote(str(self._database))
            commands.append(("costs", f'sqlite3 -readonly -box {file} \\\n"{COSTS_SQL}"'))
        for what, command in commands:
            page.line(page.paint(f"# {what}", "dim"))
            page.line(command)


def _shown(cell: object) -> str:
    return f"{cell:.6f}" if isinstance(cell, float) else str(cell)


def _passed_over(visit: Visit) -> list[str]:
    decision = visit.story["decision"]
    return [c["target"] for c in decision["candidates"] if c.get("refused") == "breaker_open"]


def _curl(url: str, path: str, body: Mapping[str, Any], *flags: str) -> str:
    options = "".join(f" {flag}" for flag in flags)
    text = shlex.quote(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    media_type = "-H 'content-type: application/json'"
    return f"curl -s{options} {url}{path} \\\n  {media_type} \\\n  -d {text}"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
