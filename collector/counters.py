"""Event counters for /metrics. Invariant: received = stored + duplicate + dropped + rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.ports import AcceptedHits, CollectorObserver, DroppedHits, StoredFlags


@dataclass
class Counters(CollectorObserver):
    """Counts events by outcome since the process started. Used on the event loop only."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # by reason
    rejected: Counter[int] = field(default_factory=Counter)  # by status

    @property
    def outcome_count(self) -> int:
        """Events with an outcome; equals `received` while no request is in flight."""
        return self.stored + self.duplicate + self.dropped.total() + self.rejected.total()

    def on_received(self, event_count: int) -> None:
        self.received += event_count

    def on_stored(self, hits: AcceptedHits, flags: StoredFlags) -> None:
        stored_count = sum(flags)
        self.stored += stored_count
        self.duplicate += len(hits) - stored_count

    def on_dropped(self, hits: DroppedHits) -> None:
        self.dropped.update(drop.reason.value for _, drop in hits)

    def on_rejected(self, status: int, event_count: int) -> None:
        self.rejected[status] += event_count

    def prometheus(self) -> str:
        lines = [
            "# HELP proprium_events_received_total Events that arrived at the collector.",
            "# TYPE proprium_events_received_total counter",
            f"proprium_events_received_total {self.received}",
            "# TYPE proprium_events_stored_total counter",
            f"proprium_events_stored_total {self.stored}",
            "# TYPE proprium_events_duplicate_total counter",
            f"proprium_events_duplicate_total {self.duplicate}",
            "# TYPE proprium_events_dropped_total counter",
            *_labelled_samples("dropped", "reason", self.dropped),
            "# TYPE proprium_events_rejected_total counter",
            *_labelled_samples("rejected", "status", self.rejected),
        ]
        return "\n".join(lines) + "\n"


def _labelled_samples(name: str, label: str, counts: Mapping[str, int] | Mapping[int, int]) -> list[str]:
    return [f'proprium_events_{name}_total{{{label}="{key}"}} {count}' for key, count in counts.items()]
