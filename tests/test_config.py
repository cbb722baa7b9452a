"""Settings that would mislead an operator stop the start in one sentence."""

from __future__ import annotations

import pytest

from proprium.config import load_settings
from proprium.errors import OperatorError


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/stats",
        "https://example.com/stats/",
        "http://127.0.0.1:8712/a/b",
        "https://example.com/?x=1",
        "https://example.com/#top",
    ],
)
def test_a_base_url_with_a_path_stops_the_start(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_BASE_URL", url)
    with pytest.raises(OperatorError) as raised:
        load_settings()
    assert str(raised.value).startswith(f"PROPRIUM_BASE_URL is {url!r}: expected a URL without a path")


@pytest.mark.parametrize("url", ["https://stats.example.com", "https://stats.example.com/", "http://[::1]:8712"])
def test_a_base_url_of_a_host_is_kept_without_a_slash(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_BASE_URL", url)
    assert load_settings().public_url == url.rstrip("/")


@pytest.mark.parametrize("name", ["CF-Connecting-IP", "fly-client-ip", "X-Real-IP", ""])
def test_a_client_ip_header_is_the_name_of_a_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_CLIENT_IP_HEADER", name)
    assert load_settings().client_ip_header == name


@pytest.mark.parametrize("name", ["CF-Connecting-IP: 1", "a header", "x,y", "é"])
def test_what_is_no_header_stops_the_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_CLIENT_IP_HEADER", name)
    with pytest.raises(OperatorError, match=r"PROPRIUM_CLIENT_IP_HEADER is .*: expected the name of a header"):
        load_settings()
