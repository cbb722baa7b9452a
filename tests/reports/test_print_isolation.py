"""What a page that is printed can reach: no network and no other file, by two layers that each hold alone."""

from __future__ import annotations

import asyncio
import base64
import shutil
import socket
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from proprium.reports import chromium
from proprium.reports.chromium import NO_PROXY, NO_RESOLVER, NO_UDP, print_html
from proprium.reports.html import html
from proprium.reports.report_model import ReportOptions
from tests.support.dashboards import ATLAS, a_dashboard

DEADLINE_S = 30  # a browser that hangs fails its test, and not the whole run
needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext: apt install poppler-utils")
HOSTS = ("127.0.0.1", "[::1]", "localhost", "made-up.example")

# Everything by which a page opens a connection.
ELEMENTS = """
<link rel=preconnect href="http://HOST/"><link rel=stylesheet href="http://HOST/style"><link rel=prefetch href="http://HOST/prefetch">
<link rel=preload as=script href="http://HOST/preload"><link rel=manifest href="http://HOST/manifest">
<link rel=icon href="http://HOST/icon"><link rel=dns-prefetch href="http://HOST/">
<style>@import url(http://HOST/import); @font-face { font-family: F; src: url(http://HOST/font) }
p { font-family: F; background: url(http://HOST/background) }</style>
<script type=speculationrules>{"prerender": [{"source": "list", "urls": ["http://HOST/prerender"]}]}</script>
<p>text</p><img src="http://HOST/image"><iframe src="http://HOST/frame"></iframe>
<object data="http://HOST/object"></object><embed src="http://HOST/embed">
<video src="http://HOST/video" autoplay></video><audio src="http://HOST/audio" autoplay></audio><script src="http://HOST/script"></script>
<form action="http://HOST/form" target=_blank><input></form>
"""
SCRIPT = """<script>
for (const open of [
  () => fetch("http://HOST/fetch"), () => new WebSocket("ws://HOST/socket"), () => new EventSource("http://HOST/events"),
  () => navigator.sendBeacon("http://HOST/beacon", "x"), () => { new Image().src = "http://HOST/image2" },
  () => { const x = new XMLHttpRequest(); x.open("GET", "http://HOST/xhr"); x.send() },
  () => new Worker("http://HOST/worker"), () => import("http://HOST/module"), () => window.open("http://HOST/window"),
  () => document.forms[0].submit(), () => new WebTransport("https://HOST/transport").ready,
  () => {
    const iceServers = [{urls: "stun:HOST"}, {urls: "turn:HOST?transport=tcp", username: "a", credential: "b"}];
    const peer = new RTCPeerConnection({iceServers});
    peer.createDataChannel("x");
    return peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  },
]) try { open()?.catch?.(() => 0) } catch {}
</script>"""


class Listener:
    """One port of this machine over TCP (IPv4, IPv6) and UDP; what arrived there, by first line."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        first = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(first.getsockname()[1])
        second = socket.create_server(("::1", self.port), family=socket.AF_INET6, backlog=100)
        third = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        third.bind(("127.0.0.1", self.port))
        self._sockets = (first, second, third)
        for listening in (first, second):
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        threading.Thread(target=self._receive, args=(third,), daemon=True).start()

    def page(self, *templates: str) -> str:
        return "".join(text.replace("HOST", f"{host}:{self.port}") for text in templates for host in HOSTS)

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self.arrived.append(b"a connection")
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(1)
            self.arrived.append(connection.recv(2_000).split(b"\r\n")[0])
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _receive(self, datagrams: socket.socket) -> None:
        with suppress(OSError):
            while True:
                self.arrived.append(b"a datagram: " + datagrams.recvfrom(2_000)[0][:20])


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def without(monkeypatch: pytest.MonkeyPatch, *switches: str) -> None:
    """Chromium is started as always, but for these switches."""
    whole = chromium.command
    monkeypatch.setattr(chromium, "command", lambda *to: [one for one in whole(*to) if one not in switches])


def open_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chromium's profile may open every address."""
    monkeypatch.setattr(chromium, "preferences", lambda _: {})


async def printed(page: str, browser: str) -> str:
    async with asyncio.timeout(DEADLINE_S + 10):
        content = await print_html(page, browser, timeout_s=DEADLINE_S)
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True, timeout=20
    )
    return done.stdout.decode()


def hostile_report(markup: str) -> str:
    """A real report that somebody's markup got into, against all escaping."""
    page = html(a_dashboard(), ReportOptions("acme.dev"), ATLAS, is_static=True)
    assert page.count("<footer>") == 1
    return page.replace("<footer>", f"{markup}<footer>")


@needs_poppler
async def test_the_listener_notices_a_page_that_is_free_to_connect(
    browser: str, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the tests below could not fail."""
    without(monkeypatch, *NO_RESOLVER, *NO_PROXY, *NO_UDP)
    open_profile(monkeypatch)
    await printed(listener.page(ELEMENTS, SCRIPT), browser)
    requests = b"\n".join(listener.arrived)
    for path in (
        b"style", b"prefetch", b"preload", b"font", b"background", b"prerender", b"image", b"frame", b"object",
        b"embed", b"script", b"fetch", b"socket", b"events", b"beacon", b"xhr", b"module",
    ):  # fmt: skip
        assert b"/" + path + b" " in requests
    assert b"a datagram" in requests


@needs_poppler
@pytest.mark.parametrize(
    "left_out", [(), NO_RESOLVER, NO_PROXY], ids=["all", "without the resolver's rule", "without the proxy"]
)
async def test_no_connection_is_made_by_name_or_address(
    browser: str, listener: Listener, monkeypatch: pytest.MonkeyPatch, left_out: tuple[str, ...]
) -> None:
    """Each of the switches holds without the other, without the profile, and without the report's own policy."""
    without(monkeypatch, *left_out)
    open_profile(monkeypatch)
    assert "text" in await printed(listener.page(ELEMENTS, SCRIPT), browser)
    assert listener.arrived == []


@needs_poppler
async def test_the_report_s_own_policy_keeps_markup_in_it_from_the_network(
    browser: str, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a Chromium that is free to connect, as a reader's own is who opens the HTML report.

    No policy of a page keeps Chromium from opening a bare connection ahead (preconnect, and for a frame that the policy
    then refuses): nothing is sent over it.
    """
    without(monkeypatch, *NO_RESOLVER, *NO_PROXY, *NO_UDP)
    open_profile(monkeypatch)
    text = await printed(hostile_report(listener.page(ELEMENTS, SCRIPT)), browser)
    assert "11,241" in text
    assert "could not be drawn" not in text
    assert set(listener.arrived) <= {b"a connection", b""}


FRAMES = """<iframe src="FILE" width=600 height=200></iframe><embed src="FILE" width=600 height=200>
<object data="FILE" type="text/html" width=600 height=200></object>"""
SCRIPTS = """<pre id=t></pre><pre id=u></pre><script>
fetch("FILE").then((answer) => answer.text()).then((text) => { t.textContent = text });
const x = new XMLHttpRequest(); x.open("GET", "FILE"); x.onload = () => { u.textContent = x.responseText }; x.send();
</script>"""
NAVIGATION = "<script>location = 'FILE'</script>"
REFRESH = '<meta http-equiv=refresh content="0;url=FILE">'


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret.html"
    path.write_text("<p>hunter2</p>")
    return path.as_uri()


@needs_poppler
async def test_files_could_be_read_if_nothing_kept_the_page_from_them(
    browser: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the tests below could not fail."""
    open_profile(monkeypatch)
    assert (await printed(FRAMES.replace("FILE", secret), browser)).count("hunter2") == 3
    for markup in (NAVIGATION, REFRESH):
        assert "hunter2" in await printed(markup.replace("FILE", secret), browser)


@needs_poppler
@pytest.mark.parametrize("markup", [FRAMES + SCRIPTS, NAVIGATION, REFRESH], ids=["parts", "navigation", "refresh"])
async def test_a_page_cannot_read_another_file(browser: str, secret: str, markup: str) -> None:
    """By the profile alone: this page has no policy of its own."""
    for address in (secret, "file:///etc/passwd"):
        text = await printed(f"<p>text</p>{markup}".replace("FILE", address), browser)
        assert "hunter2" not in text
        assert "root:" not in text


@needs_poppler
async def test_the_report_s_own_policy_keeps_markup_in_it_from_other_files(
    browser: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the policy alone. (A refresh to a file is the profile's affair: no policy of a page covers it.)"""
    open_profile(monkeypatch)
    text = await printed(hostile_report((FRAMES + SCRIPTS + NAVIGATION).replace("FILE", secret)), browser)
    assert "11,241" in text
    assert "hunter2" not in text


@needs_poppler
async def test_a_picture_on_disk_does_not_get_into_a_report(browser: str, tmp_path: Path) -> None:
    picture, report = tmp_path / "picture.png", tmp_path / "report.pdf"
    picture.write_bytes(a_picture(37, 23))
    inline = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    for source, is_printed in ((inline, True), (picture.as_uri(), False)):
        page = hostile_report(f'<img src="{source}" width=99 height=99>')
        report.write_bytes(await asyncio.wait_for(print_html(page, browser, timeout_s=DEADLINE_S), DEADLINE_S + 10))
        command = ["pdfimages", "-list", report]
        listed = subprocess.run(command, capture_output=True, check=True, text=True, timeout=20).stdout
        assert any(line.split()[3:5] == ["37", "23"] for line in listed.splitlines()) is is_printed


def a_picture(width: int, height: int) -> bytes:
    """A PNG, all grey."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress((b"\0" + b"\x7f" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def test_what_lies_in_the_temporary_folder_is_for_this_user_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch, log = tmp_path / "tmp", tmp_path / "seen"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    fake = tmp_path / "chromium"
    fake.write_text(
        f'#!/bin/sh\ncd "$HOME"\ntouch made-by-chromium\nfind {scratch} -mindepth 1 -printf "%m %y %P\\n" > {log}\n'
    )
    fake.chmod(0o755)
    with pytest.raises(chromium.PrintFailed):
        await print_html("<p>", str(fake), timeout_s=DEADLINE_S)
    modes = {line.split()[2].rpartition("/")[2]: line.split()[0] for line in log.read_text().splitlines()}
    assert {modes[name] for name in ("report.html", "Preferences", "made-by-chromium")} == {"600"}
    assert {line.split()[0] for line in log.read_text().splitlines() if line.split()[1] == "d"} == {"700"}
    assert list(scratch.iterdir()) == []
