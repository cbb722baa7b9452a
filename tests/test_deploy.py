"""What brings Proprium onto a server: the image, the service, the proxies, the set-up script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from collector import batch_import
from collector.parse import MAX_BODY_BYTES
from proprium.config import ENV_PREFIX, Settings
from proprium.server import body_limit
from proprium.server.connections import ConnectionLimits

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
TELLING = ("README.md", "Dockerfile", "deploy/compose.yaml", "deploy/proprium.service")


@pytest.mark.parametrize("name", TELLING)
def test_every_setting_that_is_named_exists(name: str):
    named = set(re.findall(rf"{ENV_PREFIX}([A-Z_]+[A-Z])", (ROOT / name).read_text()))
    assert named
    assert {setting.lower() for setting in named} <= Settings.model_fields.keys()


def test_the_readme_knows_every_setting_that_does_something():
    documented = set(re.findall(rf"{ENV_PREFIX}([A-Z_]+[A-Z])", (ROOT / "README.md").read_text()))
    used = "\n".join(path.read_text() for path in (ROOT / "proprium").rglob("*.py") if path.name != "config.py")
    derived = {"database_url": "storage_url", "base_url": "public_url", "geoip_path": "geoip_file"}
    for name in Settings.model_fields:
        if re.search(rf"settings\.({name}|{derived.get(name, name)})\b", used):
            assert name.upper() in documented, f"{ENV_PREFIX}{name.upper()} is not in README.md"


def test_the_dockerfile_is_clean():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_special_on_its_own_volume():
    assert re.search(r"^USER 1000$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", DOCKERFILE, re.MULTILINE)
    assert "ARG REBUILD_MAPS=\n" in DOCKERFILE, "the committed maps are the default, so that a build works offline"


def test_what_the_image_copies_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().split()
    for needed in (
        "requirements.lock",
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "deploy",
        "maps",
        "assets/js",
    ):
        assert (ROOT / needed).exists()
        assert needed not in ignored
    assert {".git", ".venv", ".env", "data"} <= set(ignored)


class Answers:
    """A server that answers every GET with one status, and remembers the path."""

    def __init__(self, status: int) -> None:
        self.asked: list[str] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers.asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture(params=[200, 503])
def answers(request: pytest.FixtureRequest) -> Iterator[tuple[int, Answers]]:
    server = Answers(request.param)
    yield request.param, server
    server.http.shutdown()
    server.http.server_close()


def test_the_health_check_of_the_image_tells_a_good_server_from_a_bad_one(answers: tuple[int, Answers]):
    status, server = answers
    healthcheck = re.search(r"HEALTHCHECK.*?CMD (\[.*?\])\n", DOCKERFILE, re.DOTALL)
    assert healthcheck
    _, *rest = json.loads(healthcheck.group(1))
    env = {"PROPRIUM_PORT": str(server.http.server_port), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, *rest], env=env, capture_output=True, timeout=30, check=False)
    assert server.asked == ["/healthz"]
    assert (done.returncode == 0) is (status == 200)


def test_compose_builds_the_image_and_keeps_the_data():
    service = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]["proprium"]
    assert (ROOT / "deploy" / service["build"]["context"] / "Dockerfile").resolve() == ROOT / "Dockerfile"
    assert service["volumes"] == ["proprium:/data"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]


def test_proxies_pass_the_address_of_the_visitor_and_the_socket_of_the_dashboard_on():
    nginx = (ROOT / "deploy/nginx.conf").read_text()
    for header in ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "Upgrade", "Connection"):
        assert f"proxy_set_header {header} " in nginx


def test_whatever_runs_the_server_grants_it_enough_open_files():
    assert "\nLimitNOFILE=65536\n" in (ROOT / "deploy/proprium.service").read_text()
    service = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]["proprium"]
    assert service["ulimits"] == {"nofile": 65_536}


def test_proxies_and_the_server_agree_about_limits():
    """A body that a route takes must pass the proxies, and a head that they pass must be taken."""
    nginx, caddy = ((ROOT / "deploy" / name).read_text() for name in ("nginx.conf", "Caddyfile"))
    limits = ConnectionLimits()
    assert f"client_header_timeout {limits.head_timeout_s:.0f}s;" in nginx
    assert f"read_header {limits.head_timeout_s:.0f}s" in caddy
    assert f"limit_conn proprium {limits.max_per_address};" in nginx
    assert "large_client_header_buffers 4 16k;" in nginx
    assert "max_header_size 64KB" in caddy
    assert limits.max_head_bytes == 64 << 10
    assert batch_import.MAX_BATCH_BODY_BYTES < 5_000_000 <= limits.max_body_bytes  # 5m and 5MB
    assert max(MAX_BODY_BYTES, body_limit.DEFAULT_MAX_BYTES, body_limit.NICEGUI_MAX_BYTES) <= 1 << 20  # 1m and 1MiB


# The set-up script, with a system made up of a few stand-ins for commands


def set_up(folder: Path, commands: dict[str, str]) -> subprocess.CompletedProcess[str]:
    bin_ = folder / "bin"
    bin_.mkdir()
    for name, text in commands.items():
        (bin_ / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_ / name).chmod(0o755)
    command = ["/bin/sh", str(ROOT / "deploy/system-packages"), "python3"]
    env = {"PATH": str(bin_), "LOG": str(folder / "log")}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)


COMPLETE = {"python3": "exit 0", "chromium": "", "pdftotext": "", "id": "echo 0", "apt-get": 'echo "$@" >> "$LOG"'}


def test_a_complete_system_is_left_alone(tmp_path: Path):
    done = set_up(tmp_path, COMPLETE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "log").exists()


def test_root_on_debian_gets_what_is_missing(tmp_path: Path):
    done = set_up(tmp_path, {name: text for name, text in COMPLETE.items() if name not in {"chromium", "pdftotext"}})
    commands = (tmp_path / "log").read_text()
    assert done.returncode == 0
    assert "install -y --no-install-recommends chromium fonts-noto-core poppler-utils" in commands


def test_everybody_else_is_told_what_would_help_and_goes_on(tmp_path: Path):
    commands = {"python3": "exit 0", "id": "echo 1000", "apt-get": COMPLETE["apt-get"]}
    done = set_up(tmp_path, commands)
    assert done.returncode == 0
    assert "without Chromium everything but the PDF works" in done.stderr
    assert not (tmp_path / "log").exists()


def test_an_installation_that_fails_is_a_warning(tmp_path: Path):
    done = set_up(tmp_path, {"python3": "exit 0", "id": "echo 0", "apt-get": "exit 100"})
    assert done.returncode == 0
    assert "could not install" in done.stderr


def test_without_the_venv_module_nothing_can_go_on(tmp_path: Path):
    done = set_up(tmp_path, {**COMPLETE, "python3": "exit 1", "id": "echo 1000"})
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


def test_the_build_finds_the_node_that_pypi_brought():
    """As in a venv that pip filled: its npm is a copy that finds nothing beside it."""
    done = subprocess.run([sys.executable, "deploy/node_bin.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    for name in ("node", "npm", "npx"):
        version = [folder / name, "--version"]
        version_output = subprocess.run(
            version, env={"PATH": f"{folder}:/bin:/usr/bin"}, capture_output=True, timeout=60, check=True
        )
        assert re.match(rb"v?\d+\.\d+", version_output.stdout)
