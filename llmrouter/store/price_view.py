"""The view of prices: what each model charges and charged, from when until when."""

from __future__ import annotations

from llmrouter.store.expressions import Sql
from llmrouter.store.view import View, ViewColumn


def price_view(sql: Sql) -> View:
    """`v_prices` in one database's dialect."""
    ends_us = "(CASE WHEN valid_to_us IS NULL OR next_us < valid_to_us THEN next_us"
    ends_us += " ELSE valid_to_us END)"
    return View(
        "v_prices",
        "One row per price: of a card, which is all that a model charges from a moment on, one row "
        "for each class.  Of several cards that hold at a moment, `configuration` counts over "
        "`manual`, and that over `import` and `built_in`.",
        (
            ViewColumn("price_id", "number", "the card, as requests and attempts name it", "id"),
            ViewColumn("provider", "text", "who charges it", "provider"),
            ViewColumn("model", "text", "for which model; `*`: for any without a card", "model"),
            ViewColumn("unit_class", "text", "for what; NULL: no price is known", "unit_class"),
            ViewColumn("service_tier", "text", "at which service", "service_tier"),
            ViewColumn(
                "from_input_tokens",
                "tokens",
                "for whole requests with at least so much input",
                "from_input_tokens",
            ),
            ViewColumn(
                "usd_per_million",
                "USD",
                "a million tokens, searches or requests",
                sql.usd("nusd_per_million_units"),
            ),
            ViewColumn("valid_from", "time", "when it began to hold", sql.iso("valid_from_us")),
            ViewColumn(
                "valid_to", "time", "when it ended, or the next one began", sql.iso(ends_us)
            ),
            ViewColumn("origin", "text", "who put it here", "origin"),
            ViewColumn("source", "text", "where it was read", "source"),
            ViewColumn(
                "config_version", "number", "the first configuration to say it", "config_version"
            ),
            ViewColumn("imported_at", "time", "when it was put here", sql.iso("imported_us")),
        ),
        "FROM (\n"
        "  SELECT price_card.*, lead(valid_from_us) OVER (\n"
        "    PARTITION BY provider, model,\n"
        "      CASE origin WHEN 'configuration' THEN 0 WHEN 'manual' THEN 1 ELSE 2 END\n"
        "    ORDER BY valid_from_us, id\n"
        "  ) AS next_us\n"
        "  FROM price_card\n"
        ") AS card\n"
        "LEFT JOIN price ON price.card_id = card.id",
    )
