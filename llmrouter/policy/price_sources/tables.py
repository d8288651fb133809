"""Prices from a CSV table: one line for each price.

    model,unit_class,usd_per_million,service_tier,from_input_tokens,valid_from,valid_to,source
    lab/fast,input,0.15,,,2026-11-01,,our contract
    lab/fast,output,0.60,,,2026-11-01,,our contract

The first three columns are needed.  Lines of one model and one ``valid_from`` are one statement.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from llmrouter.policy.price_sources.found import Found, SourceInvalid
from llmrouter.policy.stated_prices import StatedPrice

NEEDED: Final = ("model", "unit_class", "usd_per_million")
COLUMNS: Final = (
    *NEEDED,
    "service_tier",
    "from_input_tokens",
    "valid_from",
    "valid_to",
    "source",
    "note",
)


def read_table(text: str) -> Found:
    """What the table says.  Raises `SourceInvalid` with the line that is wrong."""
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    columns = tuple(lines.fieldnames or ())
    missing = [name for name in NEEDED if name not in columns]
    unknown = [name for name in columns if name not in COLUMNS]
    if missing or unknown:
        fault = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
        raise SourceInvalid(f"the table's first line {fault}; its columns: {', '.join(COLUMNS)}")
    statements: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        given = {name: value.strip() for name, value in line.items() if isinstance(value, str)}
        key = (given["model"], given.get("valid_from", ""))
        statement = statements.setdefault(key, _statement(given))
        tiers = statement["tiers"]
        tier = (given.get("service_tier") or "standard", given.get("from_input_tokens") or "0")
        prices = tiers.setdefault(tier, {})
        if given["unit_class"] in prices:
            raise SourceInvalid(
                f"line {lines.line_num}: `{given['model']}` has a second price of "
                f"`{given['unit_class']}`"
            )
        prices[given["unit_class"]] = given["usd_per_million"]
        _checked(statement, f"line {lines.line_num}")
    return Found(tuple(_checked(statement, "table") for statement in statements.values()))


def _statement(line: Mapping[str, str]) -> dict[str, Any]:
    facts = {name: line.get(name) or None for name in ("valid_from", "valid_to", "source", "note")}
    return {"model": line["model"], "tiers": {}, **facts}


def _checked(statement: Mapping[str, Any], where: str) -> StatedPrice:
    tiers = statement["tiers"]
    document = {
        **statement,
        "usd_per_million": tiers.get(("standard", "0"), {}),
        "tiers": [
            {"service_tier": service, "from_input_tokens": size, "usd_per_million": prices}
            for (service, size), prices in tiers.items()
            if (service, size) != ("standard", "0")
        ],
    }
    try:
        return StatedPrice.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        path = ".".join(str(step) for step in fault["loc"] if step != "[key]")
        raise SourceInvalid(f"{where}: {path}: {fault['msg']}") from None
