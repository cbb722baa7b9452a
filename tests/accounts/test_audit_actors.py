"""Pages and API say who acts: a change without an actor would stand in the log as the command line's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.accounts.changing_functions import ROOT, functions

FOLDERS = ("ui", "api", "server", "demo")
RUNNERS = {"partial", "run.io_bound", "asyncio.to_thread", "to_thread"}
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def with_actor() -> set[str]:
    """Functions whose actor may be left out, by "module.name"."""
    return {
        name for name, node in functions().items() if any(argument.arg == "actor" for argument in node.args.kwonlyargs)
    }


def calls_without_actor(source: str) -> list[str]:
    """Calls of these functions, also through `partial` and threads, that leave the actor to its default."""
    tree, names = ast.parse(source), with_actor()
    imported = {
        alias.asname or alias.name: f"{(node.module or '').rpartition('.')[2]}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def is_meant(node: ast.expr) -> bool:
        text = ast.unparse(node)
        return text in names or imported.get(text, "") in names

    wrong = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        arguments = call.args if ast.unparse(call.func) in RUNNERS else []
        if (is_meant(call.func) or any(map(is_meant, arguments))) and "actor" not in {k.arg for k in call.keywords}:
            wrong.append(ast.unparse(call))
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_and_api_name_the_actor_of_every_change(path: Path) -> None:
    assert calls_without_actor(path.read_text()) == []


@pytest.mark.parametrize(
    "call",
    [
        "service.rename(database, id_, name)",
        "partial(service.rename, database, id_, name)",
        "await run.io_bound(access.revoke, database, id_, user_id)",
    ],
)
def test_a_call_without_an_actor_is_found(call: str) -> None:
    assert calls_without_actor(f"async def handler():\n    {call}") != []
