"""Sessions made anew from the warehouse's own hits, where a hit came late or was deleted: from gap to gap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from proprium.warehouse.projection import bulk_writes
from proprium.warehouse.projection.sessionizer import LONGEST, Hit, Key, PaceOf, Visit, chains, step

Window = tuple[int, int]
"""Microseconds, both ends included."""


@dataclass(slots=True)
class Recomputed:
    """What to write, and the sessions that now are the latest of their visitors."""

    visits: list[Visit] = field(default_factory=list)
    moved: list[Hit] = field(default_factory=list)  # in the warehouse already, and now in another session
    gone: set[int] = field(default_factory=set)  # ids of the sessions that these replace
    latest: dict[Key, Visit] = field(default_factory=dict)
    referred: dict[Key, int] = field(default_factory=dict)  # visitors that were looked for → when: they may yet come
    keys: set[Key] = field(default_factory=set)  # everybody who was taken into account


def recompute(
    connection: Connection, windows: Mapping[Key, Window], pace_of: PaceOf, fresh: Iterable[Hit] = ()
) -> Recomputed:
    """All sessions of these visitors that touch their windows, with `fresh` hits that are not in the warehouse yet.

    Writes nothing. Visitors of whom one continues the other's session are taken together, whoever was asked for.
    """
    groups = _Groups(windows)
    fresh = list(fresh)
    for hit in fresh:
        groups.link(hit)
    known = _whole_chains(connection, groups, fresh, pace_of)
    result = Recomputed(keys=set(groups.members()))
    for key, hits in _by_group(groups, [*known.values(), *fresh]).items():
        _recompute_group(result, hits, groups.asked[key], pace_of(key[0]).gap)
    return result


def _recompute_group(result: Recomputed, hits: list[Hit], window: Window, gap: int) -> None:
    start, end = window
    for chain in chains(sorted(hits, key=lambda hit: (hit.at, hit.seq))):
        if chain[-1].at < start - gap or chain[0].at > end + gap:
            continue
        visits = dict.fromkeys(step(result.latest, hit) for hit in chain)
        result.visits.extend(visits)
        if any(hit.previous is not None for hit in chain):
            for visit in visits:
                visit.is_linked = True
        for hit in chain:
            _note(result, hit)


def _note(result: Recomputed, hit: Hit) -> None:
    if hit.previous is not None:
        result.referred[hit.number, hit.previous] = hit.at
    if hit.was is not None and hit.was.session is not None:
        result.gone.add(hit.was.session)
        if hit.placed() != hit.was:
            result.moved.append(hit)


class _Groups:
    """Which visitors are taken together, and the stretch of time that each group was asked for and has been read."""

    def __init__(self, windows: Mapping[Key, Window]) -> None:
        self._parent: dict[Key, Key] = {}
        self.asked: dict[Key, Window] = {}
        for key, window in windows.items():
            self.include(key, window)

    def root(self, key: Key) -> Key:
        while (parent := self._parent.setdefault(key, key)) != key:
            self._parent[key] = key = self._parent[parent]
        return key

    def include(self, key: Key, window: Window) -> None:
        root = self.root(key)
        self.asked[root] = _both(self.asked.get(root), window)

    def link(self, hit: Hit) -> None:
        """The hit's visitor and the one it may continue are one group."""
        root = self.root(hit.key)
        if hit.previous is not None and (other := self.root((hit.number, hit.previous))) != root:
            self._parent[other] = root
            self.asked[root] = _both(self.asked.get(root), self.asked.pop(other, None))

    def members(self) -> list[Key]:
        return list(self._parent)


def _both(one: Window | None, other: Window | None) -> Window:
    if one is None or other is None:
        return one or other or (0, 0)
    return min(one[0], other[0]), max(one[1], other[1])


def _whole_chains(connection: Connection, groups: _Groups, fresh: list[Hit], pace_of: PaceOf) -> dict[int, Hit]:
    """Hits by seq: reads on at both ends until a gap is found there, or nothing more, and no new visitor turns up."""
    known: dict[int, Hit] = {}
    read: dict[Key, Window] = {}
    while wanted := _unread(groups, read, _by_group(groups, [*known.values(), *fresh]), pace_of):
        for hit in bulk_writes.hits_in(connection, wanted, pace_of):
            known.setdefault(hit.seq, hit)
            groups.link(hit)
        read.update(wanted)
    return known


def _unread(
    groups: _Groups, read: Mapping[Key, Window], hits: Mapping[Key, list[Hit]], pace_of: PaceOf
) -> dict[Key, Window]:
    roots = set(map(groups.root, groups.members()))
    needed = {root: _needed(groups.asked[root], hits.get(root, []), pace_of(root[0]).gap) for root in roots}
    wanted = {}
    for key in groups.members():
        start, end = needed[groups.root(key)]
        done, gap = read.get(key), pace_of(key[0]).gap
        if done is None:
            wanted[key] = (start - gap, end + gap)
        elif done[0] > start - gap or done[1] < end + gap:
            wanted[key] = (min(done[0], start - LONGEST), max(done[1], end + LONGEST))
    return wanted


def _needed(asked: Window, hits: list[Hit], gap: int) -> Window:
    """From the first to the last hit of the chains that touch what was asked for, as far as they are known."""
    start, end = asked
    for chain in chains(sorted(hits, key=lambda hit: (hit.at, hit.seq))):
        if chain[-1].at >= asked[0] - gap and chain[0].at <= asked[1] + gap:
            start, end = min(start, chain[0].at), max(end, chain[-1].at)
    return start, end


def _by_group(groups: _Groups, hits: Iterable[Hit]) -> dict[Key, list[Hit]]:
    found: dict[Key, list[Hit]] = defaultdict(list)
    for hit in hits:
        found[groups.root(hit.key)].append(hit)
    return found
