"""The rules of the house that import-linter and ruff cannot say."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("collector", "maps", "proprium")
GIVEN = ("nicegui", "fastapi", "sqlmodel", "user_agents", "geoip2", "plotly", "uvicorn")
LONGEST_FILE = 500
LONGEST_TEST = 500
TOP_LEVEL = {
    *("proprium", "collector", "maps", "assets", "tests", "deploy", "docs", ".ci"),
    *("README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE", "Dockerfile", "Makefile"),
    *("pyproject.toml", "MANIFEST.in", "requirements.lock", "requirements-dev.lock"),
    *(".gitignore", ".dockerignore", ".pre-commit-config.yaml"),
}
UNTRACKED = re.compile(r"\.venv|\.env|\.git|\.nicegui|\.hypothesis|node_modules|__pycache__|.*\.egg-info|\..*_cache")
UNTRACKED_ROOTS = {"data", "shots", "build", "dist", "assets/build"}
"""What .gitignore names, for a copy of the project in which there is no git to ask."""
UNSEEN = {  # dependencies that work without being imported by us
    "tzdata": "zoneinfo finds it",
    "pytz": "DuckDB asks for it",
    "python-multipart": "FastAPI reads forms with it",
}


@cache
def tracked() -> tuple[str, ...]:
    """The files that git knows, or would take: also before they are committed. Without git, all that are here."""
    if not (ROOT / ".git").exists():
        return tuple(sorted(_files_below(ROOT)))
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(name for name in listed if (ROOT / name).is_file())


def _files_below(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        name = path.relative_to(ROOT).as_posix()
        if UNTRACKED.fullmatch(path.name) or name in UNTRACKED_ROOTS:
            continue
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield name


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders or PACKAGES:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports, also inside functions, but not for type checkers only."""
    modules: set[str] = set()
    for node in _run_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(modules)


def _run_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _run_nodes(child)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def importers(package: str) -> set[str]:
    return {module_of(path) for path in sources() if any(name.split(".")[0] == package for name in imports(path))}


def run(code: str, tmp_path: Path) -> list[str]:
    """Runs `code` in a process of its own, with data in `tmp_path`; the JSON list that it prints last."""
    env = {"PATH": "", "PROPRIUM_DATA_DIR": str(tmp_path), "PROPRIUM_GEOIP_PATH": str(tmp_path / "places.mmdb")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return loaded


# What runs


SERVE = """
import asyncio, json, sys
import httpx
from proprium.server.app import build
from proprium.config import load_settings
from proprium.storage.database import Database
from proprium.properties.service import create_property
from proprium.storage.migrate import migrate

settings = load_settings()
database = Database(settings.storage_url)
migrate(database, settings.data_dir)
made = create_property(database, "Example", None)
database.close()

class Life:
    'Starts and stops an app as a server does.'
    def __init__(self, app):
        self.app, self.told, self.asked = app, asyncio.Queue(), asyncio.Queue()
    async def __aenter__(self):
        scope = {"type": "lifespan", "asgi": {}, "state": {}}
        self.task = asyncio.create_task(self.app(scope, self.asked.get, self.told.put))
        await self.asked.put({"type": "lifespan.startup"})
        answer = await self.told.get()
        assert answer["type"] == "lifespan.startup.complete", answer
    async def __aexit__(self, *_):
        await self.asked.put({"type": "lifespan.shutdown"})
        await self.task

async def main():
    app, _ = build(settings)
    transport = httpx.ASGITransport(app)
    async with Life(app), httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        hit = {"collectorId": str(made.id), "event": "page_view", "data": {"url": "/", "user_id": "1"}}
        answer = await client.post("/collect", json=hit, headers={"User-Agent": "Mozilla/5.0 Firefox/140.0"})
        assert answer.status_code == 204, (answer.status_code, answer.text)
        answer = await client.get("/login")
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
asyncio.run(main())
print(json.dumps(sorted(sys.modules)))
"""

COLLECT = """
import json, sys
from proprium.config import load_settings
from proprium.storage.database import Database
from proprium.storage.migrate import migrate
from proprium import cli
from proprium.server.collector_app import build

settings = load_settings()
database = Database(settings.storage_url)
migrate(database, settings.data_dir)
database.close()
build(settings)
print(json.dumps(sorted(sys.modules)))
import os; sys.stdout.flush(); os._exit(0)
"""


def test_each_given_package_is_imported_by_code_that_answers_a_hit_and_a_page(tmp_path: Path):
    loaded = set(run(SERVE, tmp_path))
    for package in GIVEN:
        assert importers(package) & loaded, f"{package} is installed, but nothing of ours that runs imports it"


def test_collect_loads_no_screen_no_chart_and_no_warehouse(tmp_path: Path):
    loaded = set(run(COLLECT, tmp_path))
    unwanted = {"nicegui", "plotly", "duckdb", "pyarrow", "proprium.ui", "proprium.warehouse", "proprium.metrics"}
    assert not unwanted & loaded


# How the files look


@pytest.mark.parametrize("path", [p for p in sources() if p.name == "__init__.py"], ids=module_of)
def test_a_package_opens_with_one_docstring_and_nothing_else(path: Path):
    body = ast.parse(path.read_text()).body
    assert [type(node) for node in body] in ([], [ast.Expr])


def test_no_file_is_too_long_to_read():
    lengths = {name: _text(name).count("\n") for name in tracked() if name.endswith(".py")}
    assert {name: n for name, n in lengths.items() if n > (LONGEST_TEST if "tests/" in name else LONGEST_FILE)} == {}


def test_the_top_level_holds_what_belongs_there_and_nothing_else():
    """A stray folder goes into the image and into every checkout."""
    assert {name.partition("/")[0] for name in tracked()} <= TOP_LEVEL


def test_every_module_opens_with_a_sentence():
    assert [module_of(path) for path in sources() if not ast.get_docstring(ast.parse(path.read_text() or "''"))] == []


def test_there_is_no_javascript_beside_the_script_the_map_and_their_build():
    assert {name for name in tracked() if name.endswith((".js", ".mjs", ".ts", ".jsx"))} <= {
        "collector/script/collector.js",
        "assets/js/map.js",
        "assets/js/plotly.mjs",
        "assets/js/plotly.report.mjs",
        "assets/js/build.mjs",
    }


def test_no_file_names_a_registry_or_a_folder_of_somebodys_machine():
    names = (
        "registry.npm" + "js",
        "pypi" + ".org",
        "python" + "hosted",
        "--index" + "-url",
        "/ro" + "ot/",
        "/wo" + "rk/",
    )
    matches = {(name, text) for name in tracked() for text in names if text.encode() in (ROOT / name).read_bytes()}
    assert matches == set()


def test_there_is_no_unfinished_business():
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
    names = [name for name in tracked() if name.endswith((".py", ".js", ".mjs", ".css")) and marks.search(_text(name))]
    assert names == []


# Who may do what


def test_only_the_doors_open_a_database():
    opens = re.compile(r"\b(create_engine|sqlite3\.connect|duckdb\.connect)\(")
    doors = {"proprium.storage.database", "proprium.storage.backups", "maps.source"}  # the last reads a map's file
    doors |= {
        "proprium.sql_console.snapshot",
        "proprium.sql_console.child",
    }  # a copy for one person, which only its process opens
    modules = {module_of(path) for path in sources() if opens.search(path.read_text())}
    assert {name for name in modules if not name.startswith("proprium.warehouse.engines.")} <= doors


def test_figures_draw_what_was_asked_and_do_not_ask():
    metrics = {module_of(path): imports(path) for path in sources("proprium/metrics")}
    asking = {name for name, of in metrics.items() if any(other.startswith("proprium.warehouse") for other in of)}
    drawn = {(module_of(path), name) for path in sources("proprium/figures") for name in imports(path) & asking}
    assert asking
    assert drawn == set()


def test_only_settings_are_read_from_the_environment():
    reads = re.compile(r"\bos\.(environ|getenv)\b")
    modules = {module_of(path) for path in sources() if reads.search(path.read_text())}
    assert modules <= {"proprium.config", "proprium.reports.chromium"}  # Chromium is given an environment, not asked


def test_only_the_clock_asks_for_the_time():
    asks = re.compile(r"\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(")
    modules = {module_of(path) for path in sources("proprium") if asks.search(path.read_text())}
    assert modules <= {"proprium.clock"}


def test_event_data_is_never_html_or_a_notification_of_html():
    risky = re.compile(r"sanitize=False|notify\([^)]*html=True")
    modules = {module_of(path) for path in sources("proprium/ui") if risky.search(path.read_text())}
    assert modules <= {"proprium.ui.components.property_card"}  # its sparkline is a drawing of our own, made of numbers


LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


@pytest.mark.parametrize("path", list(sources("collector")), ids=module_of)
def test_a_log_call_of_the_collector_has_a_constant_message_and_its_values_in_fields(path: Path):
    """A message with values cannot be searched for, and addresses slip in."""
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LOG_METHODS
        and ast.unparse(node.func.value) in {"log", "logging", "logger"}
    ]
    wrong = [
        ast.unparse(call)
        for call in calls
        if len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or "%" in str(call.args[0].value)
        or {keyword.arg for keyword in call.keywords} - {"extra", "exc_info"}
    ]
    assert wrong == []


# What the project is made of


@cache
def project() -> dict[str, object]:
    return tomllib.loads(_text("pyproject.toml"))


def dependencies() -> list[str]:
    return [re.split(r"[\[<>=~! ]", requirement)[0] for requirement in project()["project"]["dependencies"]]  # type: ignore[index]


def test_each_dependency_is_imported_or_said_to_be_needed_unseen():
    named = {"argon2-cffi": "argon2", "duckdb-sqlalchemy": "duckdb_sqlalchemy"}
    idle = [
        name for name in dependencies() if name not in UNSEEN and not importers(named.get(name, name.replace("-", "_")))
    ]
    assert idle == []


def test_each_dependency_has_a_sentence_that_says_why():
    inside = re.search(r"\ndependencies = \[(.*?)\n\]", _text("pyproject.toml"), re.DOTALL)
    assert inside
    bare = [line for line in inside.group(1).splitlines() if '"' in line and "#" not in line]
    assert bare == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_a_version_and_hashes(lock: str):
    entries = re.split(r"\n(?=\S)", _text(lock).strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 50
    assert [entry.split("\n")[0] for entry in packages if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_locks_hold_what_the_project_asks_for():
    runtime = set(re.findall(r"^([a-z0-9-]+)==", _text("requirements.lock"), re.MULTILINE))
    groups = project()["dependency-groups"]
    names = {re.split(r"[<>=]", requirement)[0] for requirement in groups["dev"] if isinstance(requirement, str)}  # type: ignore[index]
    assert set(dependencies()) <= runtime
    assert names <= set(re.findall(r"^([a-z0-9-]+)==", _text("requirements-dev.lock"), re.MULTILINE))


def test_both_locks_agree_on_every_version():
    def versions(lock: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==\S+", _text(lock), re.MULTILINE))

    assert versions("requirements.lock") <= versions("requirements-dev.lock")


def test_make_knows_every_word_that_the_readme_uses():
    targets = set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))
    promised = {"setup", "run", "test", "check", "demo", "bench", "shots", "maps", "wheel", "image", "update", "clean"}
    assert promised <= targets
    used = set(re.findall(r"(?:`|^    )make ([a-z-]+)", _text("README.md"), re.MULTILINE))
    assert {"run", "test"} <= used <= targets


def test_continuous_integration_runs_what_a_developer_runs():
    assert _text(".ci/run").rstrip().endswith("exec make test")


def _text(name: str) -> str:
    return (ROOT / name).read_text()


WHERE = {
    "rate limiting": "collector/rate_limit.py",
    "lru cache": "collector/bounded_cache.py",
    "group commit": "collector/group_commit.py",
    "geolocation": "collector/geolocation.py",
    "change feed": "proprium/storage/change_feed.py",
    "retention": "proprium/storage/retention.py",
    "backup": "proprium/storage/backups.py",
    "query cache": "proprium/warehouse/query_cache.py",
    "query timeout": "proprium/warehouse/query_timeout.py",
    "compaction": "proprium/warehouse/compaction.py",
    "backfill": "proprium/warehouse/projection/incremental_sync.py",
    "sessionizer": "proprium/warehouse/projection/sessionizer.py",
    "metric definitions": "proprium/metrics/definitions.py",
    "login throttle": "proprium/accounts/login_throttle.py",
    "authorization: the principal": "proprium/accounts/authorization.py",
    "live queries": "proprium/live/subscriptions.py",
}
"""What somebody new would search for, and the module whose first line answers."""


@pytest.mark.parametrize("term", WHERE)
def test_a_search_for_the_fields_word_finds_its_module(term: str):
    hits = [path.relative_to(ROOT).as_posix() for path in sources() if term in _first_line(path).lower()]
    assert WHERE[term] in hits
    assert len(hits) <= 3, hits


def test_the_glossary_names_files_that_exist():
    named = re.findall(r"`((?:collector|proprium)/[\w/.]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_page_about_performance_names_files_and_benchmarks_that_exist():
    text = _text("docs/performance.md")
    files = re.findall(r"`((?:assets|collector|maps|proprium|tests)/[\w./]*)`", text)
    benches = set(re.findall(r"`(bench_[a-z]+)", text))
    assert len(files) > 20
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert benches == {path.stem for path in (ROOT / "tests/bench").glob("bench_*.py")} - {"bench_sources"}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
