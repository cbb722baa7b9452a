"""How soon a slow browser shows something, and whether it moves: `python -m tests.bench.bench_paint`.

Chromium's throttle: 300 KB/s, 100 ms of latency, the processor four times slower, an empty cache.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.support.servers import CHROME, CHROMIUM, CHROMIUM_ARGS, Load, Running, running

GOAL_S = 1.0
MAX_SHIFT = 0.01
"""Cumulative layout shift; Chromium calls up to 0.1 good."""
ROUNDS = 2
EVENTS = 400
KB_PER_S, LATENCY_MS, CPU_SLOWDOWN = 300, 100, 4
SETTLED_MS = 2_500
EMAIL, PASSWORD = "owner@example.com", "a long enough password"
OBSERVER = """(() => {
    window.shift = 0;
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({type: 'layout-shift', buffered: true});
})()"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"


@dataclass(frozen=True)
class PageLoad:
    first_paint_s: float
    shift: float


def main() -> None:
    is_slow = False
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        pages = addresses(server)  # before Playwright starts, which runs an event loop of its own
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, f"--user-agent={CHROME}"]
            )
            for (name, path, is_signed_in), theme in product(pages, ("light", "dark")):
                loads = [page_load(browser, server, path, theme, is_signed_in=is_signed_in) for _ in range(ROUNDS)]
                paint_s = statistics.median(each.first_paint_s for each in loads)
                shift = max(each.shift for each in loads)
                is_slow |= paint_s > GOAL_S or shift > MAX_SHIFT
                print(
                    f"{name:10} {theme:6} first paint {paint_s:5.2f} s   goal: {GOAL_S}   shift {shift:.4f}", flush=True
                )
            browser.close()
    if is_slow:
        sys.exit("A page is blank for too long, or moves.")


def addresses(server: Running) -> list[tuple[str, str, bool]]:
    """Name and path of each page, and whether its reader is signed in."""
    dashboard = f"/properties/{(property_id := server.add_property('Exemplar'))}"
    Load(server.port, property_id, connections=4).run(count=EVENTS)
    server.wait_until_projected()
    server.add_owner(EMAIL, PASSWORD)
    return [
        ("login", "/login", False),
        ("dashboard", dashboard, True),
        ("list", "/properties", True),
        ("settings", f"{dashboard}/settings", True),
    ]


def page_load(browser: Browser, server: Running, path: str, theme: str, *, is_signed_in: bool) -> PageLoad:
    """Opens a page with an empty cache."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme="dark" if theme == "dark" else "light"
    )
    if is_signed_in:
        context.request.post(
            f"{server.url}/auth/login", form={"email": EMAIL, "password": PASSWORD}, headers={"Origin": server.url}
        )
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    bytes_per_s = KB_PER_S * 1_000
    throughput = {"downloadThroughput": bytes_per_s, "uploadThroughput": bytes_per_s}
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", {"offline": False, "latency": LATENCY_MS, **throughput})
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    page.add_init_script(OBSERVER)
    page.goto(server.url + path, wait_until="commit")
    page.wait_for_function("window.did_handshake", timeout=60_000)
    page.wait_for_timeout(SETTLED_MS)
    result = PageLoad(page.evaluate(PAINT), page.evaluate("window.shift"))
    context.close()
    return result


if __name__ == "__main__":
    main()
