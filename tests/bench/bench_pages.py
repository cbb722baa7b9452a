"""What a browser transfers for a dashboard, and how soon an event stands in it: `python -m tests.bench.bench_pages`."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.support.servers import CHROME, CHROMIUM, CHROMIUM_ARGS, Running, running

GOAL_FIRST_KB = 1_100
GOAL_SECOND_KB = 150
ROUNDS = 15


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), "demo") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, f"--user-agent={CHROME}"])
        address = server.wait_for_line(r"Demo dashboard: (\S+)")
        server.wait_for_line("sample history written")
        server.wait_until_projected(10)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        first_kb, second_kb = transferred_kb(context, address), transferred_kb(context, address)
        print(f"first load of a dashboard   {first_kb:6.0f} KB   goal: {GOAL_FIRST_KB}")
        print(f"second load                 {second_kb:6.0f} KB   goal: {GOAL_SECOND_KB}")
        latencies = event_to_text(context, server)
        print(
            f"event in → text in the page {statistics.median(latencies):6.2f} s    goal: 1 (median of {len(latencies)})"
        )
        browser.close()
    if first_kb > GOAL_FIRST_KB or second_kb > GOAL_SECOND_KB:
        sys.exit("A page is heavier than its goal.")


def transferred_kb(context: BrowserContext, address: str) -> float:
    """Bytes over the wire, headers included, until chart and map are drawn."""
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    sizes: list[float] = []
    devtools.on("Network.loadingFinished", lambda loaded: sizes.append(loaded["encodedDataLength"]))
    devtools.on("Network.webSocketFrameReceived", lambda frame: sizes.append(len(frame["response"]["payloadData"])))
    page.goto(address)
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 2")
    page.wait_for_timeout(1_500)
    page.close()
    return sum(sizes) / 1_000


def event_to_text(context: BrowserContext, server: Running) -> list[float]:
    """Seconds from the start of the request until the number stands in the page, a second and more apart."""
    property_id = server.proprium("property", "add", "Quiet")
    server.publish(property_id)
    page = context.new_page()
    page.goto(f"{server.url}/properties/{property_id}")
    page.wait_for_function("window.did_handshake")
    delays = []
    for number in range(1, ROUNDS + 1):
        page.wait_for_timeout(700 + 97 * number)
        delays.append(seconds_until_shown(page, server, property_id, number))
    return delays


def seconds_until_shown(page: Page, server: Running, property_id: str, number: int) -> float:
    body = {"collectorId": property_id, "event": "page_view", "data": {"url": f"/{number}", "user_id": str(number)}}
    began = time.perf_counter()
    httpx.post(f"{server.url}/collect", json=body, headers={"User-Agent": CHROME}).raise_for_status()
    script = """n => [...document.querySelectorAll('[aria-label=Metrics] button')]
        .some(card => card.innerText.startsWith('Visitors') && card.innerText.split(/\\s+/)[1] === String(n))"""
    page.wait_for_function(script, arg=number)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
