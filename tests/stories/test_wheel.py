"""The wheel: built from a copy of the project, installed into an empty environment, used as a newcomer uses it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.stories.conftest import write_places
from tests.stories.test_main_story import text_of
from tests.support.servers import CHROME, ROOT, Running

SOURCE_TREE = (
    *("assets", "collector", "deploy", "maps", "proprium"),
    *("pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE"),
)
HAS_BUNDLE = (ROOT / "assets/build/manifest.json").is_file()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PASSWORD = "correct horse battery"


def build(tree: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Builds into `tree`/dist as `make wheel` does: the source distribution, then the wheel from it."""
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", "dist"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | env
    return subprocess.run(
        [*command, *options], cwd=tree, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def copy_tree(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("node_modules", "__pycache__", "*.egg-info")
    for name in SOURCE_TREE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name, **({"ignore": ignored} if copy is shutil.copytree else {}))
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    done = build(tree, **({} if HAS_BUNDLE else {"WITHOUT_BUNDLE": "1"}))
    assert done.returncode == 0, done.stderr
    return next((tree / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel.

    Its dependencies are those of the running environment, whose own installation of the project is not active there:
    Python reads no .pth file of a folder that a .pth file names.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    python, uv = folder / "bin/python", Path(sys.executable).with_name("uv")
    install = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel]
    subprocess.run(install, check=True, timeout=60)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return python


class InstalledServer(Running):
    """A server of the wheel: nothing but a home and a working folder, and none of the settings or paths of tests."""

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.data_dir.parents[2]), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def server(python: Path, tmp_path: Path) -> Iterator[InstalledServer]:
    data_dir = tmp_path / "home/.local/share/proprium"
    write_places(data_dir / "db.mmdb")
    (tmp_path / "empty").mkdir()
    server = InstalledServer(data_dir, python=str(python), folder=tmp_path / "empty")
    server.start(timeout_s=120)  # the first start compiles every module
    yield server
    server.stop()


def test_the_wheel_holds_every_file_that_a_server_reads_and_no_other(wheel: Path, tree: Path):
    packages = (path for name in ("collector", "maps", "proprium") for path in (tree / name).rglob("*"))
    expected = {path.relative_to(tree).as_posix() for path in packages if path.is_file() and path.suffix != ".pot"}
    for folder in ("build", "css", "fonts", "img/flags", "js"):
        expected |= {f"proprium/assets/{folder}/{path.name}" for path in (tree / "assets" / folder).glob("*.*")}
    expected |= {f"proprium/assets/img/{name}" for name in ("favicon.ico", "favicon.svg", "logo.svg")}
    expected -= {f"proprium/assets/js/{path.name}" for path in (tree / "assets/js").iterdir() if path.name != "map.js"}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected | {"proprium/CHANGELOG.md"}


def test_the_environment_imports_from_the_wheel(python: Path, tmp_path: Path):
    code = "import collector, maps, proprium; print(collector.__file__, maps.__file__, proprium.__file__)"
    done = subprocess.run([python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(Path(name).is_relative_to(python.parents[1]) for name in done.stdout.split())


def test_the_command_says_the_version_of_pyproject(python: Path, tmp_path: Path):
    done = subprocess.run(
        [python.with_name("proprium"), "--version"],
        cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == f"proprium, version {VERSION}\n"


@pytest.mark.parametrize(
    ("env", "data_dir"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.local/share/proprium"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "/srv/ada"}, "/srv/ada/proprium"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "data"}, "/home/ada/.local/share/proprium"),
        ({"HOME": "/home/ada", "PROPRIUM_DATA_DIR": "data"}, "data"),
    ],
)
def test_an_installed_server_keeps_its_data_where_the_working_folder_does_not_matter(
    python: Path, tmp_path: Path, env: dict[str, str], data_dir: str
):
    code = "from proprium.config import load_settings; print(load_settings().data_dir)"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{data_dir}\n"


@pytest.mark.parametrize("missing", ["manifest.json", "plotly.*.js.br"])
def test_a_wheel_without_its_whole_chart_bundle_is_not_built_by_accident(tree: Path, tmp_path: Path, missing: str):
    shutil.copytree(tree, tmp_path / "tree", ignore=shutil.ignore_patterns("dist", missing))
    done = build(tmp_path / "tree", "--wheel")
    assert done.returncode != 0
    assert "assets/build has no complete chart bundle. Build it with `make bundle`" in done.stderr


def test_from_an_empty_folder_to_a_dashboard_and_a_pdf(server: InstalledServer, tmp_path: Path):
    with httpx.Client(base_url=server.url, headers={"User-Agent": CHROME, "Origin": server.url}) as client:
        link = server.setup_link()
        assert client.get(link).status_code == 200
        form = {"token": link.rpartition("=")[2], "email": "ada@example.com", "password": PASSWORD}
        assert client.post("/auth/setup", data=form).headers["location"] == "/properties"
        property_id = server.proprium("property", "add", "Bakery")

        hit = {"collectorId": property_id, "event": "page_view", "data": {"url": "/bread", "user_id": "7" * 32}}
        assert client.post("/collect", json=hit).status_code == 204
        assert server.wait_until_projected().warehouse_events == 1

        dashboard = client.get(f"/properties/{property_id}")
        assert (dashboard.status_code, "Bakery" in dashboard.text) == (200, True)
        paths = set(re.findall(r'["(](/(?:assets|maps)/[^"\\)]+)', dashboard.text))
        assert {Path(path).suffix.partition("?")[0] for path in paths} >= {".js", ".json"}
        assert ".kpi" in dashboard.text, "the style sheets stand in the page"
        assert any(path.startswith("/assets/build/plotly.") for path in paths) is HAS_BUNDLE
        for path in (*paths, "/collector.js", "/favicon.ico", "/maps/regions/DE.json", "/assets/img/flags/DE.svg"):
            assert client.get(path).status_code == 200, path
        assert len(client.get("/collector.js").content) < (6_500 if HAS_BUNDLE else 20_000)
        assert "The first version" in client.get("/changelog").text
        assert client.get("/api/v1/openapi.json").json()["info"]["version"] == VERSION

    server.proprium("report", "--property", property_id, str(tmp_path / "report.pdf"))
    text = text_of(tmp_path / "report.pdf")
    assert "Bakery" in text
    assert re.search(r"Page views\s+1\b", text)
    assert re.search(r"Germany\s+1\b", text)

    assert f"Its data is in {server.data_dir}\n" in server.output()
    assert (server.data_dir / "proprium.sqlite3").is_file()
    assert list(server.folder.iterdir()) == [], "the working folder of an installed server stays as it was"
