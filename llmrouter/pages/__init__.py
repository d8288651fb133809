"""Self-contained HTML pages with charts: one file, no network, no script, light and dark.

    from llmrouter.pages.bars import bars, stacked_columns
    from llmrouter.pages.page import page, section
    from llmrouter.pages.series import Series
    from llmrouter.pages.shown import usd

    html = page(
        "Costs",
        section(
            "By model",
            bars("Cost by model", ["lab/fast", "lab/slow"], [1.2, None], show=usd),
            stacked_columns("Cost by day", days, [Series("lab/fast", [0.5, 0.7])], show=usd),
        ),
        subtitle="2026-11-01 to 2026-11-20",
    )

Everything is a pure function from values to `markupsafe.Markup`; text is escaped where it enters.
``None`` is "unknown": no mark is drawn, and the table says so.  Each chart is a ``<figure>`` with
a title, a description for those who do not see it, and its figures in a table beneath.

| module | gives |
|---|---|
| `page` | `page`, `section`, `paragraph`, `tiles` (key figures) |
| `table` | `table`: rows under their headings, figures set right |
| `bars` | `bars` (one per label), `stacked_columns` (parts of a whole, over days) |
| `lines` | `lines`: series over days |
| `distribution` | `histogram`, `cumulative`: how durations (or whatever) are spread |
| `flow` | `flow`: what went from where to where (a sankey diagram of two columns) |
| `shown` | how numbers are written: `count`, `usd`, `ms`, `percent` |
"""
