"""What a statement must not reach, tried: other files, other people's rows, accounts, the network, the server."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from proprium.errors import SqlBusy, SqlRefused
from proprium.sql_console import runner
from proprium.sql_console.child import ONLY_SELECT
from proprium.sql_console.runner import SqlRunner
from proprium.sql_console.snapshot import SnapshotScope
from tests.sql.conftest import OURS, SqlUser

ROOT = Path(__file__).parents[2]
FOREIGN = "swordfish"
"""Stands in a file, in storage, and in the other property: no answer and no message may hold it."""

NOT_A_QUESTION = {
    "attach storage": "ATTACH '{folder}/proprium.sqlite3' AS s (TYPE sqlite)",
    "attach the warehouse": "ATTACH '{folder}/warehouse.duckdb' AS w (READ_ONLY)",
    "write a file": "COPY events TO '{folder}/stolen.csv'",
    "write a file from a question": "COPY (SELECT 1) TO '/dev/stdout'",
    "read into a table": "COPY events FROM '{folder}/secret.csv'",
    "export all": "EXPORT DATABASE '{folder}/stolen'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "load a file": "LOAD '{folder}/x.duckdb_extension'",
    "open the doors": "SET enable_external_access = true",
    "open the doors for all": "SET GLOBAL enable_external_access = true",
    "unlock": "RESET lock_configuration",
    "pragma": "PRAGMA database_list",
    "pragma sets": "PRAGMA memory_limit='8GB'",
    "call": "CALL pragma_version()",
    "create": "CREATE TABLE x AS SELECT 1",
    "create a function": "CREATE MACRO f(x) AS x",
    "create a secret": "CREATE SECRET s (TYPE s3)",
    "insert": "INSERT INTO events SELECT * FROM events",
    "update": "UPDATE events SET page = ''",
    "delete": "DELETE FROM events",
    "drop": "DROP TABLE events",
    "alter": "ALTER TABLE events DROP COLUMN page",
    "begin": "BEGIN",
    "checkpoint": "CHECKPOINT",
    "use": "USE memory",
    "prepare": "PREPARE p AS SELECT 1",
    "explain what is none": "EXPLAIN COPY events TO '{folder}/stolen.csv'",
    "run what is none": "/* so */ EXPLAIN ANALYZE -- well\n CREATE TABLE x AS SELECT 1",
    "explain twice": "EXPLAIN (ANALYZE, FORMAT json) COPY events TO '{folder}/stolen.csv'",
}


@pytest.mark.parametrize("name", NOT_A_QUESTION)
def test_what_is_no_question_is_not_run(name: str, sql_user: SqlUser) -> None:
    """Each before the engine sees it; in one process, since that decides by the text alone."""
    import duckdb

    from proprium.sql_console.child import StatementRefused, check_statement

    with duckdb.connect() as engine, pytest.raises(StatementRefused, match="Only read-only"):
        check_statement(engine, NOT_A_QUESTION[name].format(folder=sql_user.folder))


async def test_the_process_says_so_as_well(sql_user: SqlUser) -> None:
    with pytest.raises(SqlRefused) as refused:
        await sql_user.run("COPY events TO '/tmp/stolen.csv'")
    assert str(refused.value) == ONLY_SELECT


QUESTIONS = {
    "read a table": "SELECT * FROM read_csv('{folder}/secret.csv')",
    "read a file by its name": "SELECT * FROM '{folder}/secret.csv'",
    "read text": "SELECT * FROM read_text('{folder}/secret.csv')",
    "read bytes": "SELECT * FROM read_blob('{folder}/secret.csv')",
    "read the passwords": "SELECT * FROM read_csv('/etc/passwd', header = false)",
    "list files": "SELECT * FROM glob('{folder}/*')",
    "read parquet": "SELECT * FROM read_parquet('{folder}/*.parquet')",
    "read json": "SELECT * FROM read_json('{folder}/secret.csv')",
    "read storage": "SELECT * FROM sqlite_scan('{folder}/proprium.sqlite3', 'user')",
    "read what is open": "SELECT * FROM read_blob('/proc/self/environ')",
    "read its own answer": "SELECT * FROM read_blob('/dev/fd/1')",
    "read the memory": "SELECT * FROM read_blob('/proc/self/maps')",
    "read from the network": "SELECT * FROM 'http://127.0.0.1:{port}/secret.csv'",
    "read from the network as a table": "SELECT * FROM read_csv('https://127.0.0.1:{port}/')",
    "read from a bucket": "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "ask the environment": "SELECT getenv('HOME')",
    "a variable of the program": "SELECT * FROM request",
    "another variable": "SELECT * FROM sys",
    "log into a file": "SELECT * FROM enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "two statements": "SELECT 1; SELECT 2",
    "a question within": "SELECT * FROM query('COPY events TO ''{folder}/stolen.csv''')",
    "secrets": "SELECT * FROM which_secret('s3://x', 's3')",
    "a shell": "SELECT * FROM shellfs('ls')",
    "no statement": " -- nothing",
    "unbound values": "SELECT ?",
}


# As `child.main`, but for many statements: to start a process for each would take most of the time of these tests.
MANY = """
import sys; sys.path.insert(0, sys.argv[1])
import json
from proprium.sql_console import child
from proprium.sql_console import seccomp
seccomp.apply_limits()
request = json.load(sys.stdin)
database = child.open_snapshot(request["file"], request["timezone"])
assert seccomp.install_filter()
statements = json.loads(request["sql"])
answers = {name: child.run_request(database, {**request, "sql": sql}) for name, sql in statements.items()}
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(sql_user: SqlUser) -> Iterator[dict[str, Any]]:
    """What the fenced process said to each of QUESTIONS."""
    with socket.socket() as door:  # at which nobody may knock
        door.bind(("127.0.0.1", 0))
        door.listen()
        door.setblocking(False)
        port = door.getsockname()[1]
        file, _ = sql_user.snapshots.open(SnapshotScope((OURS,), None))
        statements = {name: sql.format(folder=sql_user.folder, port=port) for name, sql in QUESTIONS.items()}
        request = {"file": file, "timezone": "UTC", "sql": json.dumps(statements), "rows": 10, "bytes": 10_000}
        done = subprocess.run(
            [sys.executable, "-I", "-c", MANY, str(ROOT)], input=json.dumps(request).encode(),
            pass_fds=(file,), env={}, cwd="/", capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        os.close(file)
        assert done.returncode == 0, done.stderr.decode()
        yield json.loads(done.stdout)
        with pytest.raises(BlockingIOError):
            door.accept()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_reaches_nothing_but_its_own_rows(name: str, sql_user: SqlUser, answers: dict[str, Any]) -> None:
    error = answers[name]["error"]
    assert error
    assert FOREIGN not in error
    assert "Traceback" not in error
    assert "site-packages" not in error
    assert not list(sql_user.folder.glob("stolen*"))
    assert not (sql_user.folder / "log").exists()


async def test_a_refusal_reaches_the_person_with_its_place(sql_user: SqlUser) -> None:
    with pytest.raises(SqlRefused, match="file system operations are disabled") as refused:
        await sql_user.run(f"SELECT *\nFROM read_csv('{sql_user.folder}/secret.csv')")
    assert (refused.value.line, refused.value.column) == (2, 6)


@pytest.mark.parametrize("sql", ["SELECT '\x00'", "SELECT 1" + " " * 60_000])
async def test_a_text_that_cannot_be_a_statement_starts_no_process(sql: str, sql_user: SqlUser) -> None:
    with pytest.raises(SqlRefused, match=r"NUL|the maximum is"):
        await sql_user.run(sql)


async def test_only_ones_own_rows_are_there(sql_user: SqlUser) -> None:
    everything = "SELECT (SELECT list(events) FROM events)::VARCHAR || (SELECT list(sessions) FROM sessions)::VARCHAR"
    assert FOREIGN not in str(await sql_user.value(everything))
    assert (await sql_user.run("SELECT DISTINCT property FROM events")).rows == [["ours.example"]]
    assert await sql_user.value("SELECT count(*) FROM properties") == 1


async def test_there_is_no_other_table_and_no_other_database(sql_user: SqlUser) -> None:
    tables = await sql_user.run("SELECT table_name FROM duckdb_tables() ORDER BY ALL")
    assert tables.rows == [["events"], ["properties"], ["sessions"]]
    databases = await sql_user.run("SELECT count(*) FROM duckdb_databases() WHERE NOT internal")
    assert databases.rows == [[1]]


async def test_the_settings_reveal_no_path_of_the_server(sql_user: SqlUser) -> None:
    revealed = str((await sql_user.run("SELECT name, value FROM duckdb_settings()")).rows)
    revealed += str((await sql_user.run("SELECT * FROM duckdb_databases()")).rows)
    revealing = {str(sql_user.folder), str(ROOT), str(Path.home()), "site-packages", "proprium-sql"} - {"/"}
    assert {word for word in revealing if word in revealed} == set()


# What costs too much


def a_runner(sql_user: SqlUser, **limits: float) -> SqlRunner:
    return SqlRunner(sql_user.snapshots, **limits)


ENDLESS = {
    "numbers without end": "WITH RECURSIVE t AS (SELECT 1 a UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
    "a text of a gigabyte": "SELECT length(repeat('x', 1000000000)) FROM range(100)",
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_does_not_end_is_ended(name: str, sql_user: SqlUser) -> None:
    with pytest.raises(SqlRefused, match=r"timed out after 2 seconds|memory"):
        await a_runner(sql_user, timeout_s=2).run(uuid4(), ENDLESS[name], SnapshotScope((OURS,), None))
    assert children() == set()


MEMORY = {
    "a product of everything": "SELECT list(a) FROM range(100000) a, range(100000) b",
    "one long text": "SELECT string_agg(repeat('x', 1000), '') FROM range(10000000)",
}


@pytest.mark.parametrize("name", MEMORY)
async def test_what_takes_too_much_memory_is_ended_with_a_sentence(name: str, sql_user: SqlUser) -> None:
    with pytest.raises(SqlRefused, match="memory"):
        await sql_user.run(MEMORY[name])


async def test_a_long_answer_is_cut_and_says_so(sql_user: SqlUser) -> None:
    many = await sql_user.run("SELECT * FROM range(20000)")
    assert len(many.rows) == 10_000
    assert many.truncation_message == "Showing the first 10,000 rows only."
    big = await sql_user.run("SELECT repeat('x', 5000) FROM range(2000)")
    assert 1_500 < len(big.rows) < 1_700
    assert "8 MB" in big.truncation_message
    wide = await sql_user.run("SELECT repeat('x', 100000)")
    assert len(wide.rows[0][0]) == 10_001
    assert wide.truncation_message == "Very long texts are truncated."


async def test_a_person_runs_one_at_a_time_and_the_server_two(sql_user: SqlUser) -> None:
    ours = a_runner(sql_user, queue_timeout_s=0.3)
    ada, endless, scope = uuid4(), ENDLESS["numbers without end"], SnapshotScope((OURS,), None)
    running = [asyncio.create_task(ours.run(user, endless, scope)) for user in (ada, uuid4())]
    await asyncio.sleep(0.5)
    with pytest.raises(SqlBusy, match="already have a query running"):
        await ours.run(ada, "SELECT 1", scope)
    with pytest.raises(SqlBusy, match="busy with other users"):
        await ours.run(uuid4(), "SELECT 1", scope)
    for task in running:
        task.cancel()
    assert all(
        isinstance(done, asyncio.CancelledError) for done in await asyncio.gather(*running, return_exceptions=True)
    )
    assert children() == set()
    assert (await ours.run(ada, "SELECT 1", scope))[0].rows == [[1]]


def children() -> set[int]:
    """Processes of statements that are still there."""
    processes = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and b"proprium.sql_console.child" in (folder / "cmdline").read_bytes():
                processes.add(int(folder.name))
        except OSError:
            continue  # it has just ended
    return processes


# The process itself

LOOK = """
import sys; sys.path.insert(0, sys.argv[1])
import json, os, resource, socket
from proprium.sql_console import child
from proprium.sql_console import seccomp
seccomp.apply_limits()
request = json.load(sys.stdin)
database = child.open_snapshot(request["file"], "Europe/Berlin")
paths = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
files = [os.readlink(path) for path in paths if os.path.lexists(path)]
modules = [name for name in sys.modules if name.startswith(("proprium", "collector", "sqlalchemy", "nicegui"))]
fenced = seccomp.install_filter()
def attempt(act):
    try:
        act()
    except OSError as problem:
        return problem.errno
    return "it did"
attempts = {
    "open": lambda: open("/etc/passwd").close(),
    "create": lambda: os.open("/tmp/stolen", os.O_CREAT | os.O_WRONLY),
    "list": lambda: os.listdir("/"),
    "socket": lambda: socket.socket(),
    "local socket": lambda: socket.socketpair(),
    "fork": lambda: os._exit(9) if os.fork() == 0 else None,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(os.getppid(), 0),
    "remove": lambda: os.unlink("/tmp/nothing-there"),
}
print(json.dumps({
    "fenced": fenced, "environment": dict(os.environ), "files": files, "modules": modules, "folder": os.getcwd(),
    "attempts": {name: attempt(act) for name, act in attempts.items()},
    "limits": [resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in ("FSIZE", "CORE", "NPROC")],
    "answer": database.execute("SELECT count(*) FROM events").fetchall(),
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the filter of system calls (seccomp) exists on Linux only")
async def test_the_process_holds_nothing_of_ours_and_can_do_nothing(
    sql_user: SqlUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPRIUM_SMTP_URL", "smtp://swordfish")
    monkeypatch.setattr(runner, "_CHILD_CODE", LOOK)
    file, _ = sql_user.snapshots.open(SnapshotScope((OURS,), None))
    process = await runner._start_child(file)
    report = json.loads(await runner._communicate(process, json.dumps({"file": file}).encode()))
    await process.wait()
    os.close(file)
    assert report["fenced"]
    assert set(report["environment"]) <= {"LANG", "LC_CTYPE"}
    assert report["folder"] == "/"
    assert report["modules"] == [
        "proprium",
        "proprium.sql_console",
        "proprium.sql_console.seccomp",
        "proprium.sql_console.child",
    ]
    assert report["limits"] == [0, 0, 0]
    assert set(report["attempts"].values()) == {1}  # EPERM
    assert report["answer"] == [[5]]
    ours = [target for target in report["files"] if not target.startswith(("socket:", "pipe:", "/dev/null", "/proc/"))]
    assert len(ours) == 2  # the snapshot, as it was handed over and as the engine opened it
    assert all("snapshot" in target for target in ours)


def test_a_statement_that_is_abandoned_ends_by_itself(sql_user: SqlUser) -> None:
    """Its parent may have been killed: the limit on computing time is the process's own."""
    code = "from proprium.sql_console import seccomp; seccomp.MAX_CPU_S = 1; seccomp.apply_limits()\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert done.returncode < 0
