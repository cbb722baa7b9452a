"""Example queries of the SQL console; each runs on any property."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    title: str
    sql: str


EXAMPLES = (
    Example(
        "Visits per day",
        """SELECT date_trunc('day', started_at)::DATE AS day,
       count(*) AS visits,
       count(DISTINCT visitor) AS visitors
FROM sessions
GROUP BY day
ORDER BY day""",
    ),
    Example(
        "Visits per weekday",
        """SELECT dayname(started_at) AS weekday,
       count(*) AS visits,
       round(avg(views), 2) AS views_per_visit
FROM sessions
GROUP BY weekday, isodow(started_at)
ORDER BY isodow(started_at)""",
    ),
    Example(
        "Top pages, last 7 days",
        """SELECT page,
       count(*) AS views,
       count(DISTINCT visitor) AS visitors
FROM events
WHERE is_view
  AND created_at >= now() - INTERVAL 7 DAY
GROUP BY page
ORDER BY views DESC
LIMIT 25""",
    ),
    Example(
        "Conversion rate by source",
        """SELECT coalesce(source, 'Direct') AS source,
       count(*) AS visits,
       count(*) FILTER (custom_events > 0) AS converted,
       round(100.0 * converted / visits, 1) AS percent
FROM sessions
GROUP BY ALL
ORDER BY visits DESC
LIMIT 20""",
    ),
    Example(
        "Entry pages with bounces",
        """SELECT entry_page,
       count(*) AS visits,
       round(100.0 * avg(is_bounce::INT), 1) AS bounce_percent,
       median(duration_s) AS median_s
FROM sessions
GROUP BY entry_page
ORDER BY visits DESC
LIMIT 20""",
    ),
    Example(
        "Navigation between pages",
        """WITH step AS (
  SELECT page,
         lead(page) OVER (PARTITION BY session ORDER BY created_at) AS next_page
  FROM events
  WHERE is_view
)
SELECT page, next_page, count(*) AS times
FROM step
WHERE next_page <> page
GROUP BY ALL
ORDER BY times DESC
LIMIT 25""",
    ),
    Example(
        "Custom event data keys",
        """SELECT event,
       key,
       count(*) AS times,
       any_value(data->>key) AS for_example
FROM events, unnest(json_keys(data)) AS keys(key)
WHERE is_custom
GROUP BY ALL
ORDER BY times DESC""",
    ),
    Example(
        "Bots by category",
        """SELECT bot_category,
       bot_name,
       count(*) AS hits
FROM events
WHERE is_bot
GROUP BY ALL
ORDER BY hits DESC
LIMIT 20""",
    ),
)
