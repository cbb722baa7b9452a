"""Eight dashboards opened at once, while 500 events/s come in: `python -m tests.bench.bench_crowd [--size 10m]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from sqlmodel import col, select

from collector.parse import uuid7
from proprium.storage.database import Database
from proprium.storage.tables import Property
from tests.bench.filled import SIZES, storage_of
from tests.running import CHROME, CHROMIUM, CHROMIUM_ARGS, Load, Running, running

GOAL_PAGES_S, GOAL_P99_MS, GOAL_RSS_MB = 8.0, 250.0, 1_500.0
EVENTS_PER_S = 500
LOAD_S = 30
ASKED = ("", "", "", "", "?filter=country:is:DE", "?filter=browser:is:Chrome", "?period=7d", "?period=90d")
"""Half of them ask the same; the others something of their own."""
IS_COMPLETE = """document.querySelectorAll('.kpi').length > 8 && !document.querySelector('.kpi .v.wait')
    && document.querySelectorAll('.js-plotly-plot .main-svg').length >= 2"""
DRAWN_S = 120


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", choices=SIZES, default="10m")
    size = options.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(storage_of(SIZES[size]), Path(folder) / "data"))
        property_id = largest_property(data)
        with running(data, env={"PROPRIUM_COLLECT_RATE": "0"}) as server:
            server.publish(property_id)
            server.wait_until_projected(1_800)
            pages_s, p99_ms = crowd(server, property_id)
            rss_mb = server.rss_mb()
    print(
        f"{size}: eight dashboards complete within {pages_s:.1f} s (goal {GOAL_PAGES_S:.0f}); an answer of /collect p99"
        f" {p99_ms:.0f} ms (goal {GOAL_P99_MS:.0f}); {rss_mb:.0f} MB RSS (goal {GOAL_RSS_MB:.0f})"
    )
    if pages_s > GOAL_PAGES_S or p99_ms > GOAL_P99_MS or rss_mb > GOAL_RSS_MB:
        sys.exit("Not reached.")


def largest_property(data: Path) -> str:
    database = Database(f"sqlite:///{data / 'proprium.sqlite3'}")
    with database.session() as session:
        found = session.scalars(select(Property.id).where(col(Property.number) == 1)).one()
    database.close()
    return str(found)


def crowd(server: Running, property_id: str) -> tuple[float, float]:
    """Until the last page is complete, in seconds; and the 99th percentile of answers in milliseconds."""
    with sync_playwright() as playwright, ThreadPoolExecutor(1) as other_thread:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, f"--user-agent={CHROME}"])
        sending = other_thread.submit(send_steadily, server, property_id)
        time.sleep(2)
        began = time.monotonic()
        pages = [open_page(browser, f"{server.url}/properties/{property_id}{asked}") for asked in ASKED]
        for page in pages:
            page.wait_for_function(IS_COMPLETE, timeout=DRAWN_S * 1_000)
        pages_s = time.monotonic() - began
        while not sending.done():
            pages[0].wait_for_timeout(200)
        browser.close()
    latencies_s = sorted(sending.result())
    return pages_s, latencies_s[int(len(latencies_s) * 0.99)] * 1_000


def open_page(browser: Browser, address: str) -> Page:
    """Does not wait for it. Each is somebody else's."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(address, wait_until="commit")
    return page


def send_steadily(server: Running, property_id: str) -> list[float]:
    """How long each answer took, in seconds."""
    load, chance, latencies_s = Load(server.port, property_id), Random(1), list[float]()
    began = time.monotonic()
    with httpx.Client(base_url=server.url, headers={"User-Agent": CHROME}, timeout=60) as client:
        while (elapsed := time.monotonic() - began) < LOAD_S:
            if 10 * len(latencies_s) >= elapsed * EVENTS_PER_S:
                time.sleep(0.005)
                continue
            body = [load.event(uuid7(), chance) for _ in range(10)]
            sent = time.perf_counter()
            client.post("/collect", json=body).raise_for_status()
            latencies_s.append(time.perf_counter() - sent)
    return latencies_s


if __name__ == "__main__":
    main()
