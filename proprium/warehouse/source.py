"""What the projector asks of storage beside its tail."""

from __future__ import annotations

from collections.abc import Iterator

from proprium.storage.tail import Tail, TailRow


def events_until(tail: Tail, last_seq: int, at_once: int, *, of_property: int | None = None) -> Iterator[list[TailRow]]:
    """All events up to `last_seq`, or one property's, in shares in the order of their seq."""
    after = 0
    while after < last_seq and (events := tail.events_after(after, at_once)):
        after = events[-1].seq
        yield [e for e in events if e.seq <= last_seq and of_property in (None, e.property)]
