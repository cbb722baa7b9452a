"""What the browser script costs a visitor of one page: `python -m tests.bench.bench_script`."""

from __future__ import annotations

import json
import sys

from playwright.sync_api import sync_playwright

from collector.tracker_script import ScriptFile
from tests.collector.first_visit import (
    GOAL_BODY_BYTES,
    GOAL_REQUESTS,
    GOAL_SCRIPT_BYTES,
    requests_of_a_first_visit,
)
from tests.support.servers import CHROMIUM, CHROMIUM_ARGS, ROOT


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        sent = requests_of_a_first_visit(browser)
        browser.close()
    body_bytes, script_bytes = sum(len(one.body) for one in sent), len(ScriptFile(ROOT / "assets/build").brotli.body)
    print(f"script, minified, brotli    {script_bytes:6} bytes   goal: {GOAL_SCRIPT_BYTES}")
    print(f"first visit of one page     {body_bytes:6} bytes   goal: {GOAL_BODY_BYTES} (bodies)")
    print(f"                            {len(sent):6} requests   goal: {GOAL_REQUESTS}, none of them a preflight")
    for one in sent:
        names = ", ".join(event["event"] for event in json.loads(one.body))
        print(f"  {one.method} {len(one.body):4} bytes: {names}")
    is_missed = script_bytes > GOAL_SCRIPT_BYTES or body_bytes > GOAL_BODY_BYTES or len(sent) > GOAL_REQUESTS
    if is_missed or any(one.method != "POST" for one in sent):
        sys.exit("The script costs more than its goal.")


if __name__ == "__main__":
    main()
