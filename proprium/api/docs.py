"""API reference at /api/v1/docs: the OpenAPI schema rendered as HTML.

The page loads nothing from other hosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment

TEMPLATE = Environment(autoescape=True).from_string(Path(__file__).with_name("docs.html").read_text(encoding="utf-8"))
Schema = Mapping[str, Any]


class DocsRow(NamedTuple):
    name: str
    kind: str
    about: str
    object: str = ""  # the schema that it is or contains; the page describes each schema once and links to it


class DocsTable(NamedTuple):
    """The fields of one schema."""

    title: str
    about: str
    rows: list[DocsRow]


class Operation(NamedTuple):
    id: str
    method: str
    path: str
    summary: str
    description: str
    body: DocsRow | None
    parameters: list[DocsRow]
    responses: list[DocsRow]


def page(openapi: Schema, server: str, head_html: str) -> str:
    """Renders the reference page; `server` is the API's base URL."""
    operations = [
        Operation(
            operation["operationId"],
            method.upper(),
            server + path,
            operation.get("summary", ""),
            operation.get("description", ""),
            _content_row("body", operation["requestBody"]) if "requestBody" in operation else None,
            [
                DocsRow(
                    parameter["name"],
                    _type_text(parameter["schema"]) + (", required" if parameter["required"] else ""),
                    parameter["description"],
                )
                for parameter in operation.get("parameters", ())
            ],
            [_content_row(status, response) for status, response in operation["responses"].items()],
        )
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    objects = [_object_table(openapi, name) for name in _object_names(openapi)]
    about = openapi["info"].get("description", "")
    return TEMPLATE.render(about=about, server=server, head_html=head_html, operations=operations, objects=objects)


def _content_row(name: str, content: Schema) -> DocsRow:
    """Returns the row of a request or response body, with media types and schema."""
    return DocsRow(name, ", ".join(content.get("content", {})), content["description"], _referenced_name(content))


def _object_names(openapi: Schema) -> list[str]:
    """Returns the names of all referenced schemas, in the order of their first reference (breadth first)."""
    object_names: list[str] = []
    pending_nodes: list[Any] = [openapi["paths"]]
    while pending_nodes:
        for name in _references(pending_nodes.pop(0)):
            if name not in object_names:
                object_names.append(name)
                pending_nodes.append(openapi["components"]["schemas"][name])
    return object_names


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "$ref" in node:
            yield node["$ref"].rpartition("/")[2]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _object_table(openapi: Schema, name: str) -> DocsTable:
    schema = openapi["components"]["schemas"][name]
    required_fields = schema.get("required", ())
    rows = [
        DocsRow(
            field,
            _type_text(field_schema) + (", required" if field in required_fields else ""),
            field_schema.get("description", ""),
            _referenced_name(field_schema),
        )
        for field, field_schema in schema.get("properties", {}).items()
    ]
    return DocsTable(name, schema.get("description", ""), rows)


def _referenced_name(schema: Schema) -> str:
    return next(_references(schema), "")


def _type_text(schema: Schema) -> str:
    """Returns the type of a field in words, such as "text or number"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if type_texts := [_type_text(option) for option in schema.get("anyOf", ()) if option.get("type") != "null"]:
        return " or ".join(type_texts)
    if schema.get("type") == "array":
        return f"array of {_type_text(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"by name: {_type_text(schema['additionalProperties'])}"
    return str(schema.get("format") or {"string": "text"}.get(schema.get("type", ""), schema.get("type", "anything")))
