"""/api/v1/docs: the OpenAPI as a page for people, made here, because a page of ours loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, Template

TEMPLATE = Path(__file__).parent / "docs.html"
Schema = Mapping[str, Any]


class Row(NamedTuple):
    name: str
    kind: str
    about: str


class Table(NamedTuple):
    """The fields of one object."""

    title: str
    about: str
    rows: list[Row]


class Operation(NamedTuple):
    id: str
    method: str
    path: str
    summary: str
    description: str
    body: str
    tables: list[Table]
    answers: list[Row]


def page(openapi: Schema, server: str, look: str) -> str:
    about = openapi["info"].get("description", "")
    return _template().render(about=about, server=server, look=look, operations=list(_operations(openapi, server)))


def _operations(openapi: Schema, server: str) -> Iterator[Operation]:
    for path, methods in openapi["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {})
            yield Operation(
                told["operationId"],
                method.upper(),
                server + path,
                told.get("summary", ""),
                told.get("description", ""),
                body.get("description", ""),
                [_table(openapi, name) for name in _objects(openapi, told)],
                [
                    Row(status, ", ".join(answer.get("content", {})), answer["description"])
                    for status, answer in told["responses"].items()
                ],
            )


def _objects(openapi: Schema, told: Any) -> list[str]:
    """The names of the objects that an operation takes and gives, in the order in which it names them."""
    found: list[str] = []
    waiting = [told.get("requestBody", {}), told["responses"]]
    while waiting:
        for name in _references(waiting.pop(0)):
            if name not in found:
                found.append(name)
                waiting.append(openapi["components"]["schemas"][name])
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _table(openapi: Schema, name: str) -> Table:
    schema = openapi["components"]["schemas"][name]
    needed = schema.get("required", ())
    rows = [
        Row(field, _kind(of) + (", required" if field in needed else ""), of.get("description", ""))
        for field, of in schema.get("properties", {}).items()
    ]
    return Table(name, schema.get("description", ""), rows)


def _kind(schema: Schema) -> str:
    """ "text or number": what a field may hold."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if kinds := [_kind(one) for one in schema.get("anyOf", ()) if one.get("type") != "null"]:
        return " or ".join(kinds)
    if schema.get("type") == "array":
        return f"array of {_kind(schema['items'])}"
    return str(schema.get("format") or {"string": "text"}.get(schema.get("type", ""), schema.get("type", "anything")))


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
