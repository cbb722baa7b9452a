"""The sessions of a property that may still go on, so that most hits need no look into the warehouse."""

from __future__ import annotations

from proprium.warehouse.projection.late_events import Recomputed
from proprium.warehouse.projection.sessionizer import SECOND, Hit, Key, Pace, Visit, step

LATE = 10 * 60 * SECOND
"""Beyond the pause that ends it: for what arrives late."""

LONG_AGO = -(1 << 62)


def kept_for(pace: Pace) -> int:
    """Microseconds for which a session is remembered after its last hit."""
    return pace.gap + LATE


class Openings:
    """Knows the latest session of every visitor who was seen at or after `complete_since`, perhaps not of others."""

    def __init__(self, pace: Pace, complete_since: int = LONG_AGO) -> None:
        self.kept = kept_for(pace)
        self.complete_since = complete_since
        self._visits: dict[Key, Visit] = {}
        self._newest = LONG_AGO

    def __len__(self) -> int:
        return len(self._visits)

    def is_sure_of(self, hit: Hit) -> bool:
        """True when the visitor's latest session is known, or known not to be, and the hit is later than all of it."""
        visit = self._visits.get(hit.key)
        if hit.previous is not None or (visit and visit.is_linked):
            return False
        if visit is None:
            return hit.at - hit.pace.gap >= self.complete_since
        return (hit.at, hit.seq) > (visit.ended, visit.last_seq)

    def add(self, hit: Hit) -> Visit:
        if hit.at > self._newest:
            self._newest = hit.at
        return step(self._visits, hit)

    def learn(self, known: Recomputed) -> None:
        """Takes over what was computed from the warehouse."""
        for key in known.keys:
            if (visit := self._visits.get(key)) and (visit.id in known.gone or not visit.hits):
                del self._visits[key]
        for key, at in known.referred.items():
            self._put(key, _looked_for(key, at))
        for key, visit in known.latest.items():
            self._put(key, visit)

    def forget_old(self, most: int | None = None) -> None:
        """Drops the sessions that have ended for good, and the oldest above `most`."""
        self.complete_since = max(self.complete_since, self._newest - self.kept)
        kept = {key: visit for key, visit in self._visits.items() if visit.ended >= self.complete_since}
        if most is not None and len(kept) > most:
            ended = sorted(visit.ended for visit in kept.values())
            self.complete_since = ended[len(kept) - most - 1] + 1
            kept = {key: visit for key, visit in kept.items() if visit.ended >= self.complete_since}
        self._visits = kept

    def _put(self, key: Key, visit: Visit) -> None:
        self._newest = max(self._newest, visit.ended)
        known = self._visits.get(key)
        if known is None or not known.hits or (known.ended, known.last_seq) <= (visit.ended, visit.last_seq):
            self._visits[key] = visit


def _looked_for(key: Key, at: int) -> Visit:
    """In the place of a visitor of yesterday who was not found: should their hit come late, all is computed anew."""
    return Visit(id=0, number=key[0], visitor=key[1], started=at, ended=at, is_linked=True)
