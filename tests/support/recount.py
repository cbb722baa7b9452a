"""An independent recount of a log of requests, written from METRICS.md."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

BUILT_IN = {"session_start", "page_view", "click", "scroll", "page_leave"}
Request = tuple[datetime, dict[str, str], bytes]


@dataclass
class Count:
    fate: Counter[str] = field(default_factory=Counter)  # received, stored, duplicate, dropped reasons, statuses
    shown: Counter[str] = field(default_factory=Counter)  # the numbers on the dashboard
    pages: Counter[str] = field(default_factory=Counter)
    custom: Counter[str] = field(default_factory=Counter)


def recount(log: Iterable[Request], property_id: str, spam: set[str], own_host: str, excluded: str) -> Count:
    count, ids, visits = Count(), set[str](), defaultdict[str, list[datetime]](list)
    for at, headers, body in log:
        count.fate["received"] += 1
        try:
            sent = json.loads(body)
        except ValueError:
            count.fate["400"] += 1
            continue
        data, agent = sent["data"], headers["user-agent"]
        if sent["collectorId"] != property_id:
            count.fate["404"] += 1
        elif headers.get("sec-purpose") == "prefetch":
            count.fate["prefetch"] += 1
        elif data["hostname"] != own_host:
            count.fate["hostname"] += 1
        elif headers["x-forwarded-for"].startswith(excluded):
            count.fate["excluded_ip"] += 1
        elif data.get("referrer", "").removeprefix("https://").rstrip("/") in spam:
            count.fate["spam_referrer"] += 1
        elif sent["id"] in ids:
            count.fate["duplicate"] += 1
        else:
            ids.add(sent["id"])
            count.fate["stored"] += 1
            if "bot" in agent.lower() or data.get("automated"):
                count.shown["bots"] += 1
                continue
            count.shown["events"] += 1
            count.shown[sent["event"]] += 1
            if sent["event"] == "page_view":
                count.pages[data["url"].partition("?")[0]] += 1
            elif sent["event"] not in BUILT_IN:
                count.custom[sent["event"]] += 1
            if "user_id" in data:
                visits[str(data["user_id"])].append(at)
    count.shown["visitors"] = len(visits)
    count.shown["sessions"] = sum(sessions_of(sorted(times)) for times in visits.values())
    return count


def sessions_of(times: list[datetime]) -> int:
    """Ended by half an hour of nothing, or after a day."""
    number, first, last = 0, times[0], times[0]
    for at in times:
        if number == 0 or at - last > timedelta(minutes=30) or at - first > timedelta(hours=24):
            number, first = number + 1, at
        last = at
    return number
