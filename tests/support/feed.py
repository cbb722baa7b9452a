"""Rows of the change feed, which production code reads as columns only."""

from __future__ import annotations

from collections import namedtuple

from proprium.storage.change_feed import ChangeFeed
from proprium.storage.event_columns import DICTIONARY_COLUMNS, PLAIN_COLUMNS, EventBatch
from proprium.storage.stored_columns import STORED_COLUMNS

FeedEvent = namedtuple(
    "FeedEvent", [column.name for column in STORED_COLUMNS if column.name in {*PLAIN_COLUMNS, *DICTIONARY_COLUMNS}]
)


def events_after(feed: ChangeFeed, seq: int, limit: int = 5_000) -> list[FeedEvent]:
    return rows_of(feed.batch_after(seq, limit))


def rows_of(batch: EventBatch) -> list[FeedEvent]:
    return list(map(FeedEvent._make, zip(*(batch[name] for name in FeedEvent._fields), strict=True)))
