"""Vendors' exports, as people published them, are read; what cannot be read is named."""

from __future__ import annotations

import pytest

from llmrouter.reports.invoice import InvoiceUnreadable, plain_model, read_invoice
from llmrouter.reports.invoice_shapes import named_shape

OPENAI_USAGE = """\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,\
model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,p,10.0,u,k1,\
gpt-4o-2024-08-06,FALSE,default,59200.0,10646.0,5760.0
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,p,1,u,k2,\
gpt-4o-2024-08-06,FALSE,default,800,54,0
1759708800,1759795200,2025-10-06T00:00:00+00:00,2025-10-07T00:00:00+00:00,,,,,,,,,,
"""
OPENAI_COSTS = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,0.25,usd,\
"gpt-5-mini-2025-08-07, input",p
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,0.6458740000000000,usd,\
"gpt-5-mini-2025-08-07, output",p
1759968000,1760054400,2025-10-09T00:00:00+00:00,2025-10-10T00:00:00+00:00,,,,
"""
OPENAI_COSTS_BY_DAY = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,0.8958740000000000,usd,
"""
ANTHROPIC_USAGE = """\
usage_date_utc,model_version,api_key,workspace,usage_type,context_window,\
usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,\
usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed
2026-08-05,claude-haiku-4-5-20251001,App,Default,standard,≤ 200k,46981,15969,7,3,16932,0,global,
"""
ANTHROPIC_COSTS = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,\
list_price_usd,cost_type,inference_geo,speed
2026-08-05,Claude Haiku 4.5,Default,App,message,≤ 200k,input_no_cache,0.19,0.19,token,global,
2026-08-05,Claude Haiku 4.5,Default,App,message,≤ 200k,output,0.03,0.03,token,global,
"""
OPENROUTER = """\
generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,\
byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,\
model_permaslug,provider_name,variant
gen-1,2026-06-28 03:46:57.713,0.0123,0,0,0,0,10389,137,0,0,openai/gpt-oss-120b,Groq,standard
gen-2,2026-06-28 23:59:59.999,0.0007,0,0,0,0,100,3,0,0,openai/gpt-oss-120b,Groq,standard
"""


@pytest.mark.parametrize(
    ("text", "shape", "line", "amounts"),
    [
        (
            OPENAI_USAGE,
            "OpenAI usage",
            ("2025-10-05", "gpt-4o"),
            {"requests": 11, "input_tokens": 60_000, "output_tokens": 10_700},
        ),
        (
            OPENAI_COSTS,
            "OpenAI costs",
            ("2025-10-05", "gpt-5-mini"),
            {"cost_usd": 895_874_000},
        ),
        (OPENAI_COSTS_BY_DAY, "OpenAI costs", ("2025-10-05", ""), {"cost_usd": 895_874_000}),
        (
            ANTHROPIC_USAGE,
            "Anthropic usage",
            ("2026-08-05", "claude-haiku-4-5"),
            {"input_tokens": 62_960, "output_tokens": 16_932},
        ),
        (
            ANTHROPIC_COSTS,
            "Anthropic costs",
            ("2026-08-05", "claude-haiku-4-5"),
            {"cost_usd": 220_000_000},
        ),
        (
            OPENROUTER,
            "OpenRouter activity",
            ("2026-06-28", "openai/gpt-oss-120b"),
            {
                "cost_usd": 13_000_000,
                "requests": 2,
                "input_tokens": 10_489,
                "output_tokens": 140,
            },
        ),
    ],
)
def test_each_vendors_export_is_recognised_and_summed_up(
    text: str, shape: str, line: tuple[str, str], amounts: dict[str, int]
) -> None:
    invoice = read_invoice("\ufeff" + text)

    assert invoice.shape.name == shape
    assert invoice.lines == {line: amounts}
    assert invoice.by_model == bool(line[1])


def test_columns_of_ones_own_are_named_and_added_up() -> None:
    shape = named_shape("day=Datum, model=Modell, cost_usd=Netto+Steuer, input_tokens=ein")

    invoice = read_invoice(
        "Datum;Modell;Netto;Steuer;ein\n2026/11/20;Fast-1;$1,000.50;0.5;7\n", shape
    )

    assert invoice.lines == {
        ("2026-11-20", "fast-1"): {"cost_usd": 1_001_000_000_000, "input_tokens": 7}
    }


def test_a_moment_counts_on_its_day_in_utc() -> None:
    shape = named_shape("day=at,requests=n")

    invoice = read_invoice("at,n\n2026-11-20T01:00:00+02:00,1\n2026-11-20 01:00:00,2\n", shape)

    assert invoice.lines == {
        ("2026-11-19", ""): {"requests": 1},
        ("2026-11-20", ""): {"requests": 2},
    }


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Claude Haiku 4.5", "claude-haiku-4-5-20251001", True),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True),
        ("deepseek/deepseek-v4.1-flash-20260910", "deepseek/deepseek-v4.1-flash", True),
        ("moonshotai/kimi-k2.5:free", "moonshotai/kimi-k2.5", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4.1", "gpt-4", False),
    ],
)
def test_names_of_one_model_are_compared_as_one(one: str, other: str, same: bool) -> None:
    assert (plain_model(one) == plain_model(other)) == same


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a,b\n1,2\n", None, "those of none of these exports"),
        ("", None, "none"),
        ("a,b\n1,2\n", "day=a,cost_usd=c", "it has no column c; its columns are a, b"),
        ("a,b\n2026-11-20,many\n", "day=a,requests=b", "row 2, column b: 'many' is no number"),
        ("a,b\nyesterday,1\n", "day=a,requests=b", "row 2: 'yesterday' is no date"),
        ("a,b\n", "day=a,requests=b", "no row with a day and an amount"),
        (OPENAI_COSTS.replace("usd", "eur"), None, "row 2 is in eur"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, columns: str | None, message: str) -> None:
    with pytest.raises(InvoiceUnreadable, match=message):
        read_invoice(text, named_shape(columns) if columns else None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("day", "is not NAME=COLUMN"),
        ("day=a,colour=b", "`colour` is none of day, model"),
        ("cost_usd=b", "day=COLUMN is missing"),
        ("day=a,model=b", "nothing to compare"),
    ],
)
def test_wrong_names_of_columns_are_explained(columns: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        named_shape(columns)
