"""The views: the ledger in dollars, milliseconds and ISO times, for people who write SQL.

They are the contract with those people: the same names on SQLite and PostgreSQL, and every column
with its unit, from which the reference in the manual is generated.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from llmrouter.store.expressions import Sql, cumulated, quantile_ms, shown_id
from llmrouter.store.price_view import price_view
from llmrouter.store.schema import ATTEMPT_MEASURES
from llmrouter.store.view import Unit, View, ViewColumn

VIEW_NAMES: Final = (
    "v_requests",
    "v_attempts",
    "v_costs_daily",
    "v_model_latency",
    "v_decisions",
    "v_breakers",
    "event",
    "v_prices",
)


def all_views(sql: Sql) -> tuple[View, ...]:
    """Every view in one database's dialect, in the order of `VIEW_NAMES`."""
    return (
        _requests(sql),
        _attempts(sql),
        _costs_daily(sql),
        _model_latency(sql),
        _decisions(sql),
        _breakers(sql),
        _events(sql),
        price_view(sql),
    )


def _requests(sql: Sql) -> View:
    return View(
        "v_requests",
        "One row per request that is over.",
        (
            ViewColumn(
                "request", "text", "the id as headers and API show it", shown_id("request.id")
            ),
            ViewColumn("id", "number", "the id as the tables have it; grows with time", "id"),
            ViewColumn("started_at", "time", "when it arrived", sql.iso("started_us")),
            ViewColumn("day", "date", "the day it arrived on (UTC)", sql.day("started_us")),
            ViewColumn("ending", "text", "how it ended; `completed` is success", "ending"),
            ViewColumn(
                "http_status", "number", "what the client was told; 0 if unknown", "http_status"
            ),
            ViewColumn("error_class", "text", "the class of its failure", "error_class"),
            ViewColumn("endpoint", "text", "the path that was called", "endpoint"),
            ViewColumn("dialect", "text", "the client's wire format", "dialect"),
            ViewColumn("stream", "true/false", "whether it was streamed", "stream"),
            ViewColumn(
                "requested_model", "text", "the model as the client named it", "requested_model"
            ),
            ViewColumn("category", "text", "the category it was given", "category"),
            ViewColumn("decided_by", "text", "what settled the category", "decided_by"),
            ViewColumn("mode", "text", "the routing mode that answered", "mode"),
            ViewColumn("provider", "text", "who answered it", "provider"),
            ViewColumn("model", "text", "which of the provider's models", "model"),
            ViewColumn("attempts", "number", "calls made for it", "attempts"),
            ViewColumn("duration_ms", "ms", "from arrival to end", sql.ms("duration_us")),
            ViewColumn(
                "first_token_ms", "ms", "from arrival to first token", sql.ms("first_token_us")
            ),
            ViewColumn("classify_ms", "ms", "spent on classifying", sql.ms("classify_us")),
            ViewColumn("overhead_ms", "ms", "spent in the router itself", sql.ms("overhead_us")),
            *_token_columns("over all its attempts"),
            ViewColumn(
                "cost_usd", "USD", "over all its attempts; NULL is unknown", sql.usd("cost_nusd")
            ),
            ViewColumn("cost_basis", "text", "how its cost came about", "cost_basis"),
            ViewColumn("price_id", "number", "the price card applied: see v_prices", "price_id"),
            ViewColumn("purpose", "text", "`live` is a client's own request", "purpose"),
            ViewColumn("replay_id", "number", "the replay it belongs to", "replay_id"),
            ViewColumn("key_id", "text", "the client key it came with", "key_id"),
            ViewColumn(
                "client_request_id", "text", "the client's X-Request-Id", "client_request_id"
            ),
            ViewColumn(
                "conversation_id", "text", "the conversation it belongs to", "conversation_id"
            ),
            ViewColumn(
                "config_version", "number", "the configuration it ran with", "config_version"
            ),
            ViewColumn("node", "number", "the process that served it", "node"),
        ),
        "FROM request",
    )


def _attempts(sql: Sql) -> View:
    return View(
        "v_attempts",
        "One row per call to a provider, failed ones included.",
        (
            ViewColumn("request", "text", "the request it was made for", shown_id("request_id")),
            ViewColumn("request_id", "number", "its id as the tables have it", "request_id"),
            ViewColumn("n", "number", "counts from 1 within the request", "n"),
            ViewColumn("started_at", "time", "when it was sent", sql.iso("started_us")),
            ViewColumn("day", "date", "the day it was sent on (UTC)", sql.day("started_us")),
            ViewColumn("provider", "text", "whom it was sent to", "provider"),
            ViewColumn("model", "text", "the provider's model", "model"),
            ViewColumn("account", "text", "the credential that was used", "account"),
            ViewColumn("kind", "text", "what the call was for", "kind"),
            ViewColumn("outcome", "text", "how it went; `succeeded` is success", "outcome"),
            ViewColumn("counted", "true/false", "whether the breaker counted it", "counted"),
            ViewColumn("http_status", "number", "the provider's status", "http_status"),
            ViewColumn("error_class", "text", "the class of its failure", "error_class"),
            ViewColumn("connect_ms", "ms", "to open a connection", sql.ms("connect_us")),
            ViewColumn("headers_ms", "ms", "until the headers came", sql.ms("headers_us")),
            ViewColumn("first_token_ms", "ms", "until the first token", sql.ms("first_token_us")),
            ViewColumn("duration_ms", "ms", "until its end", sql.ms("duration_us")),
            *_token_columns("of this call"),
            ViewColumn("cost_usd", "USD", "of this call; NULL is unknown", sql.usd("cost_nusd")),
            ViewColumn("cost_basis", "text", "how its cost came about", "cost_basis"),
            ViewColumn("price_id", "number", "the price card applied: see v_prices", "price_id"),
            ViewColumn(
                "provider_request_id", "text", "the provider's own id", "provider_request_id"
            ),
            ViewColumn(
                "service_tier", "text", "the service it was made at; NULL: standard", "service_tier"
            ),
        ),
        "FROM attempt",
    )


_LATER_CLASSES: Final[tuple[tuple[str, Unit, str], ...]] = (
    ("cache_write_1h_tokens", "tokens", "input to a cache for an hour"),
    ("input_audio_tokens", "tokens", "input that was audio"),
    ("input_image_tokens", "tokens", "input that was images, where it is told apart"),
    ("output_audio_tokens", "tokens", "output that was audio"),
    ("output_image_tokens", "tokens", "output that was images"),
    ("web_searches", "number", "searches that the provider made and bills one by one"),
)


def _token_columns(whose: str) -> tuple[ViewColumn, ...]:
    return (
        ViewColumn("input_tokens", "tokens", f"all input {whose}, cached or not", "input_tokens"),
        ViewColumn(
            "output_tokens", "tokens", f"all output {whose}, reasoning included", "output_tokens"
        ),
        ViewColumn(
            "cache_read_tokens", "tokens", "the input that came from a cache", "cache_read_tokens"
        ),
        ViewColumn(
            "cache_write_tokens",
            "tokens",
            "the input that went to a cache for five minutes",
            "cache_write_tokens",
        ),
        ViewColumn(
            "reasoning_tokens", "tokens", "the output that was reasoning", "reasoning_tokens"
        ),
        *(ViewColumn(name, unit, words, name) for name, unit, words in _LATER_CLASSES),
        ViewColumn("usage_source", "text", "who counted the tokens", "usage_source"),
    )


def _costs_daily(sql: Sql) -> View:
    def total(name: str) -> str:
        return f"CAST(sum({name}) AS BIGINT)"

    return View(
        "v_costs_daily",
        "What live traffic cost, by day (UTC), key, provider, model, category and ending.  Every "
        "call is booked on its own day and under the model that it was sent to, failed calls and "
        "classifiers' too, so that the sums by day and model are those of a vendor's invoice.",
        (
            ViewColumn("day", "date", "the day of the calls", "day"),
            ViewColumn("key_id", "text", "the client key", "nullif(key_id, '')"),
            ViewColumn("provider", "text", "who was called", "nullif(provider, '')"),
            ViewColumn("model", "text", "which model was called", "nullif(model, '')"),
            ViewColumn("category", "text", "the category", "nullif(category, '')"),
            ViewColumn("ending", "text", "how the requests ended", "ending"),
            ViewColumn(
                "requests",
                "number",
                "requests that it answered, or was the last to try",
                total("requests"),
            ),
            ViewColumn("attempts", "number", "calls made to it", total("attempts")),
            ViewColumn("input_tokens", "tokens", "all known input", total("input_tokens")),
            ViewColumn("output_tokens", "tokens", "all known output", total("output_tokens")),
            ViewColumn(
                "cache_read_tokens", "tokens", "input from a cache", total("cache_read_tokens")
            ),
            ViewColumn(
                "cache_write_tokens",
                "tokens",
                "input to a cache for five minutes",
                total("cache_write_tokens"),
            ),
            ViewColumn(
                "reasoning_tokens", "tokens", "output for reasoning", total("reasoning_tokens")
            ),
            *(ViewColumn(name, unit, words, total(name)) for name, unit, words in _LATER_CLASSES),
            ViewColumn("cost_usd", "USD", "the sum of all known costs", sql.usd("sum(cost_nusd)")),
            ViewColumn(
                "unknown_costs",
                "number",
                "calls whose cost is not known and not in the sum",
                total("unknown_costs"),
            ),
        ),
        "\n".join(
            (
                "FROM (",
                *_cost_rows("usage_day", requests="requests"),
                "  UNION ALL",
                *_cost_rows("usage_attempt_day", summed=ATTEMPT_MEASURES),
                ") AS costs",
                "GROUP BY day, key_id, provider, model, category, ending",
            )
        ),
    )


def _cost_rows(table: str, requests: str = "0", summed: Collection[str] = ()) -> tuple[str, ...]:
    """Rows with the columns that `_costs_daily` groups; a table that does not count one adds 0."""
    measures = ", ".join(name if name in summed else f"0 AS {name}" for name in ATTEMPT_MEASURES)
    return (
        f"  SELECT day, key_id, provider, model, category, ending, {requests} AS requests,",
        f"    {measures}",
        f"  FROM {table}",
        "  WHERE purpose = 'live'",
    )


def _model_latency(sql: Sql) -> View:
    return View(
        "v_model_latency",
        "How fast completed live requests were, by day (UTC), provider and model.  Quantiles are "
        "interpolated in a histogram whose buckets double.",
        (
            ViewColumn("day", "date", "the day the requests arrived on", "day"),
            ViewColumn("provider", "text", "who answered", "provider"),
            ViewColumn("model", "text", "which model answered", "model"),
            ViewColumn("requests", "number", "how many completed", "CAST(requests AS BIGINT)"),
            ViewColumn("avg_ms", "ms", "average duration", sql.ratio_ms("duration_us", "requests")),
            ViewColumn("p50_ms", "ms", "half were done by then", quantile_ms("duration", 0.50)),
            ViewColumn("p95_ms", "ms", "95 % were done by then", quantile_ms("duration", 0.95)),
            ViewColumn("p99_ms", "ms", "99 % were done by then", quantile_ms("duration", 0.99)),
            ViewColumn(
                "first_token_avg_ms",
                "ms",
                "average time to the first token",
                sql.ratio_ms("first_token_us", "first_tokens"),
            ),
            ViewColumn(
                "first_token_p50_ms", "ms", "half began by then", quantile_ms("first_token", 0.50)
            ),
            ViewColumn(
                "first_token_p95_ms", "ms", "95 % began by then", quantile_ms("first_token", 0.95)
            ),
            ViewColumn(
                "first_token_p99_ms", "ms", "99 % began by then", quantile_ms("first_token", 0.99)
            ),
        ),
        "\n".join(
            (
                "FROM (",
                "  SELECT day, provider, model, sum(requests) AS requests,",
                "    sum(duration_us) AS duration_us, sum(first_tokens) AS first_tokens,",
                "    sum(first_token_us) AS first_token_us,",
                f"    {cumulated('duration')},",
                f"    {cumulated('first_token')}",
                "  FROM usage_day",
                "  WHERE purpose = 'live' AND ending = 'completed'",
                "  GROUP BY day, provider, model",
                ") AS days",
            )
        ),
    )


def _decisions(sql: Sql) -> View:
    selected = sql.document("selected_head.head", "selected.data")
    classified = sql.document("classified_head.head", "classified.data")
    return View(
        "v_decisions",
        "One row per request that is over: how its models were chosen.",
        (
            ViewColumn("request", "text", "the id as shown", shown_id("request.id")),
            ViewColumn("id", "number", "the id as the tables have it", "request.id"),
            ViewColumn("started_at", "time", "when it arrived", sql.iso("request.started_us")),
            ViewColumn(
                "requested_model", "text", "as the client named it", "request.requested_model"
            ),
            ViewColumn(
                "resolved_by",
                "text",
                "how that name was understood",
                sql.text(selected, "resolved_by"),
            ),
            ViewColumn("category", "text", "the category", "request.category"),
            ViewColumn("decided_by", "text", "what settled it", "request.decided_by"),
            ViewColumn(
                "mode_asked", "text", "the configured mode", sql.text(classified, "mode_asked")
            ),
            ViewColumn("mode", "text", "the mode that answered", "request.mode"),
            ViewColumn(
                "confidence",
                "number",
                "how sure it was, 0 to 1",
                sql.real(classified, "confidence"),
            ),
            ViewColumn("scores", "JSON", "score by category", sql.json(classified, "scores")),
            ViewColumn("evidence", "JSON", "what spoke for it", sql.json(classified, "evidence")),
            ViewColumn("route", "text", "the route taken", sql.text(selected, "route")),
            ViewColumn("strategy", "text", "how it was ordered", sql.text(selected, "strategy")),
            ViewColumn(
                "candidates",
                "JSON",
                "every target in order, with why it was refused",
                sql.json(selected, "candidates"),
            ),
            ViewColumn("provider", "text", "who answered in the end", "request.provider"),
            ViewColumn("model", "text", "which model answered in the end", "request.model"),
            ViewColumn("attempts", "number", "calls made", "request.attempts"),
            ViewColumn("ending", "text", "how it ended", "request.ending"),
            ViewColumn("config_version", "number", "the configuration", "request.config_version"),
        ),
        "\n".join(
            (
                "FROM request",
                *_event_join("classified", "request.classified"),
                *_event_join("selected", "route.selected"),
            )
        ),
    )


def _event_join(name: str, kind: str) -> tuple[str, ...]:
    """A request's event of a kind.  The view `event` in its place would be read as a whole."""
    of_head = f"SELECT kind FROM event_head WHERE event_head.id = {name}.head_id"  # noqa: S608 -- names of ours
    return (
        f"LEFT JOIN event_row AS {name}",
        f"  ON {name}.request_id = request.id AND coalesce(({of_head}), {name}.kind) = '{kind}'",
        f"LEFT JOIN event_head AS {name}_head ON {name}_head.id = {name}.head_id",
    )


def _events(sql: Sql) -> View:
    return View(
        "event",
        "What happened, append-only: one row per fact.  [events.md](events.md) has the fields of "
        "each kind.",
        (
            ViewColumn(
                "request_id",
                "number",
                "the request, or a number of its own for an event that belongs to none",
                "event_row.request_id",
            ),
            ViewColumn("seq", "number", "counts the request's events from 0", "event_row.seq"),
            ViewColumn("dt_us", "µs", "since the request was received", "event_row.dt_us"),
            ViewColumn(
                "kind", "text", "what happened", "coalesce(event_head.kind, event_row.kind)"
            ),
            ViewColumn(
                "data",
                "JSON",
                "its fields; those at their defaults are left out",
                sql.document("event_head.head", "event_row.data"),
            ),
        ),
        "FROM event_row\nLEFT JOIN event_head ON event_head.id = event_row.head_id",
    )


def _breakers(sql: Sql) -> View:
    return View(
        "v_breakers",
        "One row per target that ever failed.",
        (
            ViewColumn("target", "text", "provider/model", "provider || '/' || model"),
            ViewColumn("provider", "text", "the provider", "provider"),
            ViewColumn("model", "text", "its model", "model"),
            ViewColumn("state", "text", "closed, open or half_open", "state"),
            ViewColumn("failures", "number", "consecutive counted failures", "failures"),
            ViewColumn(
                "open_until", "time", "when it will be tried again", sql.iso("open_until_us")
            ),
            ViewColumn("updated_at", "time", "when it last changed", sql.iso("updated_us")),
        ),
        "FROM breaker",
    )
