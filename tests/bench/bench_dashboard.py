"""CPU seconds of one dashboard over a year of events: `python -m tests.bench.bench_dashboard [--events N]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from uuid import UUID

from sqlalchemy import text

from proprium.metrics.dashboard import dashboard
from proprium.metrics.filters import parse_filter
from proprium.metrics.results import Dashboard
from proprium.metrics.url import PropertyFacts, query_from
from proprium.warehouse.connect import Warehouse

GOAL_CPU_S = 0.25
GOAL_EVENTS = 1_000_000
NOW = datetime(2026, 11, 23, 14, 40, tzinfo=UTC)
ROUNDS = 5
BUSY = PropertyFacts(UUID(int=1), 1, "Europe/Berlin", ("signup", "download"))

# A session is six hits; four in five sessions are property 1's, one in twenty is a bot's.
PICK = "CREATE TEMP MACRO pick(i, salt, below) AS (hash(i, salt) % below)::BIGINT"

SESSIONS = """
CREATE TEMP TABLE visit AS
SELECT i, hash(i) h,
    (CASE WHEN pick(i, 1, 10) < 8 THEN 1 ELSE 2 + pick(i, 2, 9) END)::INTEGER AS property,
    (hash(hash(i, 3) % (:sessions * 2 // 3)) % 9223372036854775807)::BIGINT AS visitor,
    make_timestamptz((:now_us - pick(i, 4, 31536000000000))::BIGINT) AS started_at,
    pick(i, 5, 20) = 0 AS is_bot,
    '/page/' || floor(exp(pick(i, 6, 1000) / 1000 * 8))::INTEGER AS entry_page,
    CASE WHEN pick(i, 7, 3) > 0 THEN 'site' || floor(exp(pick(i, 8, 1000) / 1000 * 6))::INTEGER END AS referrer,
    CASE WHEN pick(i, 9, 10) = 0 THEN 'mail' || pick(i, 10, 7) END AS utm_source,
    CASE WHEN pick(i, 9, 10) = 0 THEN 'spring' || pick(i, 11, 40) END AS utm_campaign,
    chr((65 + pick(i, 12, 12))::INTEGER) || chr((65 + pick(i, 13, 12))::INTEGER) AS country,
    'city' || pick(i, 14, 3000) AS city,
    ['Chrome', 'Safari', 'Firefox', 'Edge'][1 + pick(i, 15, 4)] AS browser,
    ['Windows', 'macOS', 'Linux', 'iOS', 'Android'][1 + pick(i, 16, 5)] AS platform,
    ['Desktop', 'Mobile', 'Tablet'][1 + pick(i, 17, 3)] AS device,
    ['1920×1080', '1440×900', '390×844', '360×800'][1 + pick(i, 18, 4)] AS screen,
    ['en-US', 'de-DE', 'fr-FR'][1 + pick(i, 19, 3)] AS language,
    ['Direct', 'Organic search', 'Referral', 'Email'][1 + pick(i, 20, 4)] AS channel
FROM range(:sessions) t(i)
"""

EVENTS = """
INSERT INTO event BY NAME
SELECT row_number() OVER (ORDER BY created_at) AS seq, * FROM (
    SELECT v.property, v.started_at + to_seconds((k * (10 + h % 50))::DOUBLE) AS created_at,
        ['session_start', 'page_view', 'scroll', 'click', 'page_leave', 'signup'][1 + k] AS event,
        v.visitor, CASE WHEN NOT is_bot THEN (h // 2)::BIGINT END AS session, 1 AS identity, is_bot,
        CASE WHEN is_bot THEN 'Bot' || h % 15 END AS bot_name,
        CASE WHEN is_bot THEN 'Search engine' END AS bot_category,
        k = 5 AS is_custom, k = 1 AS is_view, (hash(i, 30) // 2)::BIGINT AS view_id, entry_page AS page,
        'Title' AS title,
        'example.com' AS hostname, referrer, referrer AS source, channel, utm_source,
        CASE WHEN utm_source IS NOT NULL THEN 'email' END AS utm_medium, utm_campaign, country,
        country || '-1' AS region, city, browser, platform, device, screen, language,
        CASE WHEN k = 4 THEN (h % 300000)::BIGINT END AS engaged_ms, CASE WHEN k = 5 THEN '{"plan":"pro"}' END AS data
    FROM visit v, range(6) r(k)
) ORDER BY created_at
"""

SESSION_ROWS = """
INSERT INTO session BY NAME
SELECT (h // 2)::BIGINT AS session, property, visitor, started_at,
    started_at + to_seconds((5 * (10 + h % 50))::DOUBLE) AS ended_at,
    6 AS hits, 1 AS views, 1 AS custom_events, 0 AS link_clicks, (h % 300000)::BIGINT AS engaged_ms,
    h % 3 = 0 AS is_bounce, entry_page, entry_page AS exit_page, 'example.com' AS hostname, referrer,
    referrer AS source, channel, utm_source, CASE WHEN utm_source IS NOT NULL THEN 'email' END AS utm_medium,
    utm_campaign, country, country || '-1' AS region, city, browser, platform, device, screen, language
FROM visit WHERE NOT is_bot ORDER BY started_at
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=GOAL_EVENTS)
    options.add_argument("--threads", type=int, default=None, help="of the warehouse; the default is the program's")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "warehouse.duckdb", threads=asked.threads)
        fill(warehouse, asked.events)
        cpu_s = report(warehouse)
        warehouse.close()
    if cpu_s > GOAL_CPU_S * max(1, asked.events / GOAL_EVENTS):
        sys.exit(f"{cpu_s:.3f} CPU seconds are over the goal of {GOAL_CPU_S} for a million events.")


def fill(warehouse: Warehouse, events: int) -> None:
    """A year of made-up sessions, straight into the warehouse, rows in time order as the projector leaves them."""
    values = {"sessions": events // 6, "now_us": int(NOW.timestamp() * 1_000_000)}
    with warehouse.write() as connection:
        connection.execute(text(PICK))
        connection.execute(text(SESSIONS), values)
        connection.execute(text(EVENTS))
        connection.execute(text(SESSION_ROWS))
        connection.execute(text("DROP TABLE visit"))
    warehouse.checkpoint()


def report(warehouse: Warehouse) -> float:
    """Prints a line for each question and returns the CPU seconds of the plain dashboard."""
    plain = query_from([], BUSY, NOW)
    year = query_from([("period", "12mo")], BUSY, NOW)
    measure("28 days, first time", lambda: dashboard(warehouse, plain), 1)
    cpu_s = measure("28 days", lambda: dashboard(warehouse, plain))
    measure("28 days, one page", lambda: dashboard(warehouse, plain.with_filters(parse_filter("page:is:/page/1"))))
    measure("28 days, one country", lambda: dashboard(warehouse, plain.with_filters(parse_filter("country:is:DE"))))
    measure("12 months", lambda: dashboard(warehouse, year), 2)
    return cpu_s


def measure(name: str, ask: Callable[[], Dashboard], rounds: int = ROUNDS) -> float:
    """The best of some rounds: of all threads, DuckDB's included."""
    times = []
    for _ in range(rounds):
        cpu, wall = process_time(), perf_counter()
        found = ask()
        times.append((process_time() - cpu, perf_counter() - wall))
    cpu_s, wall_s = min(times)
    print(f"{name:24} {cpu_s:.3f} CPU s  {wall_s:.3f} s  {found.rows_read:>9,} events read")
    return cpu_s


if __name__ == "__main__":
    main()
