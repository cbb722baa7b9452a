from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from proprium.errors import ChromiumMissing, PrintFailed
from proprium.reports import chromium
from proprium.reports.chromium import print_html
from proprium.reports.pdf import pdf
from proprium.reports.report_model import PaperSize, ReportOptions
from tests.support.dashboards import ATLAS, a_dashboard

needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext: apt install poppler-utils")


def text_of(content: bytes) -> str:
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode()


def a_browser(folder: Path, script: str) -> str:
    """A program in Chromium's place; its arguments end with the address of the page."""
    path = folder / "chromium"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@needs_poppler
async def test_the_pdf_holds_the_page_s_numbers(browser: str) -> None:
    content = await pdf(a_dashboard(), ReportOptions("Łódź – acme.dev"), ATLAS, browser)
    text = text_of(content)
    for expected in (
        "Łódź – acme.dev",
        "11,241",
        "+12.4%",
        "Last 28 days",
        "Germany",
        "/pricing",
        "sign_up",
        "4 Nov",
    ):
        assert expected in text
    assert "could not be drawn" not in text
    first, *_ = text.split("\f")
    assert "".join(first.split()).endswith("1/3")
    assert len(content) < 1_000_000


@needs_poppler
async def test_the_pdf_is_drawn_in_lines_and_letters_not_in_pixels(browser: str, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(await pdf(a_dashboard(), ReportOptions("acme.dev", paper=PaperSize.LETTER), ATLAS, browser))
    images = subprocess.run(["pdfimages", "-list", path], capture_output=True, check=True, text=True).stdout
    fonts = subprocess.run(["pdffonts", path], capture_output=True, check=True, text=True).stdout
    size = subprocess.run(["pdfinfo", path], capture_output=True, check=True, text=True).stdout
    assert len(images.splitlines()) == 2  # the head alone
    assert "Inter" in fonts
    assert "Type 3" not in fonts
    assert "612 x 792" in size


@needs_poppler
async def test_a_page_cannot_reach_the_network(browser: str) -> None:
    page = "<p id=t>waits</p><script>fetch('http://127.0.0.1:9/').catch(() => {t.textContent = 'offline'})</script>"
    assert "offline" in text_of(await print_html(page, browser))


async def test_a_missing_browser_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChromiumMissing, match="apt install chromium"):
        await pdf(a_dashboard(), ReportOptions("acme.dev"), ATLAS)


async def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChromiumMissing, match=r"PROPRIUM_CHROMIUM is .*nowhere"):
        await print_html("<p>", str(tmp_path / "nowhere"))


async def test_a_browser_that_ends_well_but_wrote_nothing_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(PrintFailed, match="without writing a PDF"):
        await print_html("<p>", a_browser(tmp_path, "exit 0"))


async def test_a_browser_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hanging = a_browser(tmp_path, f"sleep 600 & echo $! > {pids}; echo $$ >> {pids}; wait")
    with pytest.raises(PrintFailed, match=r"within 0\.5 seconds"):
        async with asyncio.timeout(30):  # without a deadline of its own it would hang here, and the whole run with it
            await print_html("<p>", hanging, timeout_s=0.5)
    for pid in pids.read_text().split():
        assert await has_ended(int(pid))


async def test_a_print_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(print_html("<p>", a_browser(tmp_path, f"echo $$ > {pids}; exec sleep 600")))
    while not (pids.is_file() and pids.read_text()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await has_ended(int(pids.read_text()))


async def test_nothing_is_left_in_the_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with pytest.raises(PrintFailed):
        await print_html("<p>", a_browser(tmp_path, "exit 1"))
    assert list(scratch.iterdir()) == []


async def test_the_browser_learns_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROPRIUM_SMTP_URL", "smtp://user:hunter2@mail.example")
    environment_file = tmp_path / "environment"
    with pytest.raises(PrintFailed):
        await print_html("<p>", a_browser(tmp_path, f"env > {environment_file}"))
    assert "hunter2" not in environment_file.read_text()


def test_the_sandbox_is_left_off_only_for_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--no-sandbox" not in chromium.command("chromium", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--no-sandbox" in chromium.command("chromium", tmp_path)


async def has_ended(pid: int) -> bool:
    """True once the process is gone, or dead and waiting for its parent; patient, as ending takes a moment."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        status = Path(f"/proc/{pid}/stat")
        if not status.is_file() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        await asyncio.sleep(0.02)
    return False
