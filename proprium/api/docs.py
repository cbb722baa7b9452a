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
    object: str = ""  # the name of what it is or holds, which the page tells of once


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
    body: Row | None
    parameters: list[Row]
    answers: list[Row]


def page(openapi: Schema, server: str, look: str) -> str:
    operations = list(_operations(openapi, server))
    objects = [_table(openapi, name) for name in _objects(openapi)]
    about = openapi["info"].get("description", "")
    return _template().render(about=about, server=server, look=look, operations=operations, objects=objects)


def _operations(openapi: Schema, server: str) -> Iterator[Operation]:
    for path, methods in openapi["paths"].items():
        for method, told in methods.items():
            yield Operation(
                told["operationId"],
                method.upper(),
                server + path,
                told.get("summary", ""),
                told.get("description", ""),
                _content("body", told["requestBody"]) if "requestBody" in told else None,
                [_parameter(one) for one in told.get("parameters", ())],
                [_content(status, answer) for status, answer in told["responses"].items()],
            )


def _parameter(told: Schema) -> Row:
    return Row(told["name"], _kind(told["schema"]) + (", required" if told["required"] else ""), told["description"])


def _content(name: str, told: Schema) -> Row:
    """What is sent or answered: its media type, and the object that it holds."""
    return Row(name, ", ".join(told.get("content", {})), told["description"], _held(told))


def _objects(openapi: Schema) -> list[str]:
    """The names of all objects that are taken or given, in the order in which they are first met."""
    found: list[str] = []
    waiting: list[Any] = [openapi["paths"]]
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
        Row(field, _kind(of) + (", required" if field in needed else ""), of.get("description", ""), _held(of))
        for field, of in schema.get("properties", {}).items()
    ]
    return Table(name, schema.get("description", ""), rows)


def _held(schema: Schema) -> str:
    return next(_references(schema), "")


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
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"by name: {_kind(schema['additionalProperties'])}"
    return str(schema.get("format") or {"string": "text"}.get(schema.get("type", ""), schema.get("type", "anything")))


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
