"""Configuration: `Settings` is built once by the command line and passed down; nothing else reads the environment."""

from __future__ import annotations

import os
import re
from email.errors import HeaderParseError
from email.headerregistry import Address, HeaderRegistry
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from proprium.errors import OperatorError

ENV_PREFIX = "PROPRIUM_"

_PACKAGE = Path(__file__).resolve().parent
IS_WHEEL = (_PACKAGE / "assets").is_dir()
"""True when installed from a wheel, which holds assets/ and CHANGELOG.md inside of the package; False in a checkout."""

_RESOURCES = _PACKAGE if IS_WHEEL else _PACKAGE.parent
ASSETS = _RESOURCES / "assets"
"""Static files for browsers; the wheel and `make setup` generate its folder `build`."""
CHANGELOG_FILE = _RESOURCES / "CHANGELOG.md"

UNSUPPORTED_SETTINGS = ("warehouse_url",)
"""Reserved names without an implementation. A value is refused: a setting without effect would mislead operators."""

SECRET_SETTINGS = frozenset(
    {f"{ENV_PREFIX}{name}" for name in ("METRICS_TOKEN", "WAREHOUSE_URL", "SMTP_URL", "OIDC_CLIENT_SECRET")}
)
"""Settings whose value is left out of error messages: tokens, and URLs that may hold a password."""

RETENTION_DAYS = 730
"""Default retention of events in days."""


class Env(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")


def parse_mailbox(text: str) -> Address:
    """Parses one e-mail address, with a name before it or without.

    Raises ValueError for anything else, such as a list or a line break.
    """
    try:
        mailboxes: tuple[Address, ...] = getattr(HeaderRegistry()("From", text), "addresses", ())
    except (IndexError, HeaderParseError):
        raise ValueError("not an address") from None
    if len(mailboxes) != 1 or not (mailboxes[0].username and mailboxes[0].domain and text.isprintable()):
        raise ValueError("not an address")
    return mailboxes[0]


def _is_smtp_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:  # no number for a port, or half of an IPv6 address
        return False
    has_rest = parts.path.strip("/") or parts.query or parts.fragment
    return parts.scheme in SMTP_SCHEMES and is_address and not has_rest and text.isprintable() and " " not in text


def default_data_dir() -> Path:
    """Returns `data` in a checkout, else the account's folder for data of programs (XDG), whatever the working folder.

    Raises OperatorError when the account has no home.
    """
    if not IS_WHEEL:
        return Path("data")
    data_home = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not data_home.is_absolute():  # the specification says that a relative path is ignored
        try:
            data_home = Path.home() / ".local" / "share"
        except RuntimeError:
            raise OperatorError("This account has no home folder. Set PROPRIUM_DATA_DIR.") from None
    return data_home / "proprium"


class Settings(BaseSettings):
    """All `PROPRIUM_*` settings, from the environment and from `.env` in the working folder."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_file=".env", extra="ignore", frozen=True)

    env: Env = Env.DEVELOPMENT
    data_dir: Path = Field(default_factory=default_data_dir)
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    base_url: str = ""
    database_url: str = ""
    warehouse_url: str = ""
    geoip_path: Path | None = None
    geoip_update: bool = True  # False: `serve` downloads no GeoIP database
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    client_ip_header: str = ""  # the one header in which trusted proxies send the client's address
    chromium: str = ""
    collect_rate: float = Field(100, ge=0)  # rate limit in events per second, address and process; 0 = unlimited
    metrics_token: str = ""  # bearer token for /metrics; empty: only this machine and its private network are allowed
    warehouse_memory: str = Field("512MB", pattern=r"^\d+(\.\d+)?\s*(KB|MB|GB|KiB|MiB|GiB)$")
    log_level: str = "INFO"
    log_format: LogFormat = LogFormat.TEXT
    smtp_url: str = ""  # smtp://user:password@host:587, smtp+starttls://…, smtps://…; empty: sends no e-mail
    mail_from: str = ""  # sender of e-mails: an address, or Name <address>; empty: proprium@ the host of `base_url`

    oidc_issuer: str = ""  # URL of the OpenID Connect provider; empty: none
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_name: str = "OpenID Connect"  # on the button: "Sign in with {name}"
    oidc_allowed_domains: Annotated[tuple[str, ...], NoDecode] = ()  # of e-mail addresses; empty: all
    oidc_creates_users: bool = False  # True: an unknown verified address gets an account
    auth_header: str = ""  # in which a trusted proxy names the signed-in user's e-mail address; empty: none
    auth_header_creates_users: bool = False

    @field_validator("oidc_allowed_domains", mode="before")
    @classmethod
    def _split_domains(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return [part.strip().lower().removeprefix("@") for part in value.split(",") if part.strip()]

    @field_validator("oidc_issuer")
    @classmethod
    def _validate_oidc_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("expected a URL like https://auth.example.com/realms/main")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator(*UNSUPPORTED_SETTINGS)
    @classmethod
    def _reject_unsupported(cls, value: str) -> str:
        if value:
            raise ValueError("not supported yet; remove it")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _validate_smtp_url(cls, value: str) -> str:
        if value and not _is_smtp_url(value):
            raise ValueError(
                "expected smtp://user:password@mail.example.com:587, smtp+starttls://… or smtps://…, with special"
                " characters of user and password percent-encoded, such as %2F for a slash"
            )
        return value

    @field_validator("mail_from")
    @classmethod
    def _validate_mail_from(cls, value: str) -> str:
        try:
            parse_mailbox(value or "stats@example.com")
        except ValueError:
            raise ValueError("expected an address like stats@example.com or Stats <stats@example.com>") from None
        return value

    @field_validator("metrics_token")
    @classmethod
    def _validate_metrics_token(cls, value: str) -> str:
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("expected printable ASCII characters without spaces")
        return value

    @field_validator("client_ip_header", "auth_header")
    @classmethod
    def _validate_client_ip_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]*", value):
            raise ValueError("expected the name of a header like CF-Connecting-IP or Remote-Email")
        return value

    @field_validator("log_level")
    @classmethod
    def _validate_log_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("expected DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("base_url")
    @classmethod
    def _validate_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("expected a URL like https://stats.example.com")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(
                "expected a URL without a path, like https://stats.example.com: Proprium needs a host name or a port of"
                " its own"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _require_base_url(self) -> Settings:
        if self.env is Env.PRODUCTION and not self.base_url:
            raise ValueError("PROPRIUM_BASE_URL is required in production, e.g. https://stats.example.com")
        return self

    @model_validator(mode="after")
    def _require_sign_in_partners(self) -> Settings:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("PROPRIUM_OIDC_ISSUER needs PROPRIUM_OIDC_CLIENT_ID, the name of this server there")
        if self.auth_header and not self.trusted_proxies:
            raise ValueError(
                "PROPRIUM_AUTH_HEADER needs PROPRIUM_TRUSTED_PROXIES, the addresses of the proxies that may set it"
            )
        return self

    @property
    def public_url(self) -> str:
        """Base URL under which browsers reach this server, without a trailing slash."""
        return self.base_url or f"http://localhost:{self.port}"

    @property
    def mail_sender(self) -> str:
        """Sender of e-mails: `mail_from`, else proprium@ the host of the public URL."""
        return self.mail_from or f"proprium@{urlsplit(self.public_url).hostname}"

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def is_loopback(self) -> bool:
        """True when the public URL's host is localhost or a loopback address, reachable from this machine only."""
        host = urlsplit(self.public_url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def storage_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'proprium.sqlite3'}"

    @property
    def warehouse_path(self) -> Path:
        return self.data_dir / "warehouse.duckdb"

    @property
    def geoip_file(self) -> Path:
        return self.geoip_path or self.data_dir / "db.mmdb"

    @property
    def socket_path(self) -> Path:
        """Path of the control socket by which commands reach a running server."""
        return self.data_dir / "serve.sock"


def load_settings(**overrides: Any) -> Settings:
    """Returns the settings of this process.

    Raises OperatorError with the setting's name, its value (unless secret) and the expected one.
    """
    env_file_names = (name.upper() for name in DotEnvSettingsSource(Settings).env_vars)
    unknown_names = sorted(
        name
        for name in {*os.environ, *env_file_names}
        if name.startswith(ENV_PREFIX) and name[len(ENV_PREFIX) :].lower() not in Settings.model_fields
    )
    if unknown_names:
        supported_names = (name for name in Settings.model_fields if name not in UNSUPPORTED_SETTINGS)
        setting_names = ", ".join(ENV_PREFIX + name.upper() for name in supported_names)
        raise OperatorError(f"{unknown_names[0]} is not a setting. Known settings: {setting_names}.")
    try:
        return Settings(**overrides)
    except ValidationError as problem:
        error = problem.errors()[0]
        message = str(error["msg"]).removeprefix("Value error, ")
        if error["loc"]:
            name = ENV_PREFIX + str(error["loc"][0]).upper()
            value = "invalid" if name in SECRET_SETTINGS else repr(error["input"])
            message = f"{name} is {value}: {message}."
        raise OperatorError(message) from None
