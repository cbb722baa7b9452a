"""A server that is stopped says so in one line, and nothing else."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from tests.support.servers import CHROME, Running


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_stopping_prints_one_line(tmp_path: Path, stop_signal: signal.Signals) -> None:
    server = Running(tmp_path).start()
    property_id = server.add_property("Blog")
    server.publish(property_id)
    body = {"collectorId": property_id, "event": "page_view", "data": {"url": "/", "user_id": "ada"}}
    assert httpx.post(f"{server.url}/collect", json=body, headers={"User-Agent": CHROME}).status_code == 204
    server.wait_until_projected()
    assert httpx.get(f"{server.url}/properties/{property_id}/report.json", timeout=60).status_code == 200
    before = server.output()
    server.process.send_signal(stop_signal)
    assert server.process.wait(30) == 0
    assert server.output().removeprefix(before) == "Proprium has stopped.\n"


def test_a_stopped_collector_prints_one_line(tmp_path: Path) -> None:
    Running(tmp_path, "property").proprium("property", "add", "Blog")
    server = Running(tmp_path, "collect").start()
    before = server.output()
    assert server.stop() == 0
    assert server.output().removeprefix(before) == "Proprium has stopped.\n"
