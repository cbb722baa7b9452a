"""Event counters for /metrics. Invariant: received = stored + duplicate + dropped + rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Counters:
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
