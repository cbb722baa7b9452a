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


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example.com",
        "smtp://me%40example.com:pa%2Fss@mail.example.com:587",
        "smtp+starttls://user:password@mail.example.com:25",
        "smtps://user:password@[::1]:465/",
        "",
    ],
)
def test_the_url_of_a_mail_server_is_accepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_SMTP_URL", url)
    assert load_settings().smtp_url == url


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com:587",
        "http://swordfish@mail.example.com",
        "smtp://user:sword/fish@mail.example.com",
        "smtp://user:sword#fish@mail.example.com",
        "smtp://user:swordfish@",
        "smtp://user:swordfish@mail.example.com:many",
        "smtp://user:swordfish@mail.example.com:0",
        "smtp://user:swordfish@mail.example.com:587/folder",
        "smtp://user:swordfish@mail.example.com\r\nX: y",
        "smtp://[::1",
    ],
)
def test_another_url_stops_the_start_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_SMTP_URL", url)
    with pytest.raises(OperatorError, match="PROPRIUM_SMTP_URL is invalid: expected smtp://") as raised:
        load_settings()
    assert "fish" not in str(raised.value)


@pytest.mark.parametrize("sender", ["stats@example.com", "Stats <stats@example.com>", '"Ada, Inc." <a@example.com>'])
def test_the_sender_is_one_address(sender: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_MAIL_FROM", sender)
    assert load_settings().mail_sender == sender


@pytest.mark.parametrize(
    "sender", ["stats", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "<>"]
)
def test_no_sender_is_more_than_one_address(sender: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_MAIL_FROM", sender)
    with pytest.raises(OperatorError, match=r"PROPRIUM_MAIL_FROM is .*: expected an address"):
        load_settings()


def test_the_sender_is_an_address_of_this_host_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPRIUM_BASE_URL", "https://stats.example.com:8443")
    assert load_settings().mail_sender == "proprium@stats.example.com"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"OIDC_ISSUER": "https://auth.example.com"}, "needs PROPRIUM_OIDC_CLIENT_ID"),
        ({"OIDC_ISSUER": "auth.example.com", "OIDC_CLIENT_ID": "x"}, "expected a URL like https://auth.example.com"),
        ({"AUTH_HEADER": "Remote-Email"}, "needs PROPRIUM_TRUSTED_PROXIES"),
        ({"AUTH_HEADER": "Remote Email", "TRUSTED_PROXIES": "10.0.0.1"}, "expected the name of a header"),
    ],
)
def test_half_of_a_sign_in_stops_the_start(
    settings: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"PROPRIUM_{name}", value)
    with pytest.raises(OperatorError, match=message):
        load_settings()
