"""Which functions about people and properties write to storage, and which write the audit log: read from their code."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "proprium"
MODULES = (
    ROOT / "properties" / "service.py",
    ROOT / "properties" / "access.py",
    *sorted((ROOT / "accounts").glob("*.py")),
)
WRITES = {"write_transaction", "delete", "update"}  # the last two are statements of SQLAlchemy
SESSION_WRITES = {"add", "delete", "merge"}
RECORDS = {"record", "record_change"}
EXEMPT = {
    "api_keys._record_use": "a time of last use",
    "login_sessions._record_use": "a time of last use",
    "login_sessions.revoke_token": "somebody signs out",
    "users.check_password": "the same password, hashed with newer parameters",
    "setup.create_setup_token": "the link of the first start, which nobody has used",
    "audit.delete_expired": "the log itself",
    "invitations.delete_expired": "links that no longer work",
    "one_time_links.create": "a link that changes nothing until it is used",
    "one_time_links.delete_all": "links that no longer work",
    "password_reset.create_link": "a link that changes nothing until it is used",
    "password_reset.send_link": "a link that changes nothing until it is used",
    "email_change.ask_confirmation": "a link that changes nothing until it is used",
    "preferences.set_theme": "a person's own look of the pages",
    "preferences.set_timezone": "a person's own time zone",
    "passkeys.rename": "a person's own name for a passkey",
    "passkeys.check": "a use; the sign-in that follows has an entry",
    "second_factor.use_code": "a use; the sign-in that follows has an entry",
    "second_factor.after_removal": "part of a removal, which has an entry",
    "share_links.record_use": "a time of last use",
}


@cache
def functions() -> dict[str, ast.FunctionDef]:
    """All functions by "module.name"."""
    return {
        f"{path.stem}.{node.name}": node
        for path in MODULES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }


def _calls(name: str) -> set[str]:
    """Names of what a function mentions: "module.name" for those of MODULES, else the bare name."""
    module, mentioned = name.partition(".")[0], set()
    for node in ast.walk(functions()[name]):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            mentioned |= {f"{owner}.{node.attr}", node.attr if owner in {"database", "audit", "self"} else ""}
            if owner == "session" and node.attr in SESSION_WRITES:
                mentioned.add("write_transaction")
        elif isinstance(node, ast.Name):
            mentioned |= {f"{module}.{node.id}", node.id}
    return mentioned


def reaching(targets: set[str], *, exempt: frozenset[str] = frozenset()) -> set[str]:
    """Functions from which one of `targets` is reached, directly or through others, but not through `exempt` ones."""
    found: set[str] = set()
    while True:
        more = {
            name
            for name in functions()
            if name not in found and name not in exempt and _calls(name) & (targets | found)
        }
        if not more:
            return found
        found |= more


def changing() -> set[str]:
    """Public functions that change something, whichever function does it for them."""
    names = reaching(WRITES, exempt=frozenset(EXEMPT))
    return {name for name in names if not name.partition(".")[2].startswith("_")}


def recording() -> set[str]:
    return reaching(RECORDS)
