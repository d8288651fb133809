"""What vendors' exports look like: which columns they are recognised by, and what is in them.

Seen in exports that people published; docs/reports.md says where each is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import field

from llmrouter.core.records import Record

InvoiceMeasure = Literal["cost_usd", "requests", "input_tokens", "output_tokens"]
"""What is compared with the ledger."""

INVOICE_MEASURES: Final[tuple[InvoiceMeasure, ...]] = get_args(InvoiceMeasure)


class Shape(Record):
    """A kind of CSV file.

    ``measures`` names the columns that are added up for each; ``marks`` are columns that together
    no other shape has.  ``model`` is None when the file names none; of what stands there, the part
    before ``model_ends_at`` counts.  Where each row is one request, ``counts_rows`` is set.
    """

    name: str
    provider: str | None
    day: str
    model: str | None
    measures: Mapping[InvoiceMeasure, tuple[str, ...]]
    marks: frozenset[str] = field(default_factory=frozenset)
    currency: str | None = None
    model_ends_at: str | None = None
    counts_rows: bool = False


SHAPES: Final = (
    # Usage page, "Export", a row per time bucket, project, key and model.  Cached input is part of
    # input_tokens.
    Shape(
        "OpenAI usage",
        "openai",
        day="start_time_iso",
        model="model",
        measures={
            "requests": ("num_model_requests",),
            "input_tokens": ("input_tokens",),
            "output_tokens": ("output_tokens",),
        },
        marks=frozenset({"start_time_iso", "num_model_requests", "model"}),
    ),
    # Usage page, "Cost", a row per day; grouped by line item, as `gpt-5-mini-2025-08-07, input`.
    Shape(
        "OpenAI costs",
        "openai",
        day="start_time_iso",
        model="line_item",
        measures={"cost_usd": ("amount_value",)},
        marks=frozenset({"start_time_iso", "amount_value"}),
        currency="amount_currency",
        model_ends_at=", ",
    ),
    # Console, Usage, "Export": classes of input are disjoint.
    Shape(
        "Anthropic usage",
        "anthropic",
        day="usage_date_utc",
        model="model_version",
        measures={
            "input_tokens": (
                "usage_input_tokens_no_cache",
                "usage_input_tokens_cache_write_5m",
                "usage_input_tokens_cache_write_1h",
                "usage_input_tokens_cache_read",
            ),
            "output_tokens": ("usage_output_tokens",),
        },
        marks=frozenset({"usage_date_utc", "model_version", "usage_output_tokens"}),
    ),
    # Console, Cost, "Export": a row per model and token type, models by their shown names, cents.
    Shape(
        "Anthropic costs",
        "anthropic",
        day="usage_date_utc",
        model="model",
        measures={"cost_usd": ("cost_usd",)},
        marks=frozenset({"usage_date_utc", "model", "cost_usd"}),
    ),
    # Activity, "Export", a row per generation; reasoning is part of tokens_completion.
    Shape(
        "OpenRouter activity",
        "openrouter",
        day="created_at",
        model="model_permaslug",
        measures={
            "cost_usd": ("cost_total",),
            "input_tokens": ("tokens_prompt",),
            "output_tokens": ("tokens_completion",),
        },
        marks=frozenset({"generation_id", "created_at", "cost_total"}),
        counts_rows=True,
    ),
)


def shape_of(header: frozenset[str]) -> Shape | None:
    """The shape with these columns, if it is a known one."""
    return next((shape for shape in SHAPES if shape.marks <= header), None)


def named_shape(columns: str) -> Shape:
    """A shape of one's own: ``day=date,model=name,cost_usd=amount,input_tokens=new+cached``.

    Raises ``ValueError`` with what is wrong.
    """
    given: dict[str, str] = {}
    for part in columns.split(","):
        name, equals, column = (word.strip() for word in part.partition("="))
        if not equals or not column:
            raise ValueError(f"`{part.strip()}` is not NAME=COLUMN")
        if name not in ("day", "model", *INVOICE_MEASURES):
            known = ", ".join(("day", "model", *INVOICE_MEASURES))
            raise ValueError(f"`{name}` is none of {known}")
        given[name] = column
    measures = {
        measure: tuple(column.strip() for column in given[measure].split("+"))
        for measure in INVOICE_MEASURES
        if measure in given
    }
    if "day" not in given:
        raise ValueError("day=COLUMN is missing: in which column does the day stand?")
    if not measures:
        raise ValueError(f"nothing to compare: name one of {', '.join(INVOICE_MEASURES)}")
    return Shape("named columns", None, given["day"], given.get("model"), measures)
