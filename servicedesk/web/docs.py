"""Pages for those who build on the desk: its API, drawn from its own documents."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from servicedesk.web import asyncapi, frame, openapi
from servicedesk.web.api import TABLE, Call

Document = Mapping[str, Any]


async def show(call: Call) -> web.Response:
    """The page of the API: every call with its parameters, body and answers."""
    document = openapi.describe(call.app[TABLE])
    groups: dict[str, list[dict[str, Any]]] = {}
    for described in _calls(document):
        groups.setdefault(described["group"], []).append(described)
    content = {
        "document": document,
        "groups": [{"name": name.capitalize(), "calls": found} for name, found in groups.items()],
    }
    return await frame.show_to_guest(call, "docs.html", content)


async def live(call: Call) -> web.Response:
    """The page of the websocket: every command and event, the rooms, the codes."""
    document = asyncapi.describe()
    content = {
        "document": document,
        "rooms": document["channels"]["socket"]["x-rooms"],
        "groups": [
            {"name": title, "verb": verb, "operations": list(_operations(document, action))}
            for title, verb, action in (("Commands", "send", "receive"), ("Events", "hear", "send"))
        ],
    }
    return await frame.show_to_guest(call, "docs_live.html", content)


def _calls(document: Document) -> Iterator[dict[str, Any]]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            body = about.get("requestBody", {}).get("content", {})
            yield {
                "id": f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
                "method": method,
                "path": path,
                "group": (about.get("tags") or ["desk"])[0],
                "summary": about.get("summary", "").replace("`", ""),
                "description": about.get("description", ""),
                "parameters": [_parameter(document, each) for each in about.get("parameters", [])],
                "body_type": ", ".join(body),
                "body": next((_drawn(document, each.get("schema", {})) for each in body.values()), ""),
                "answers": [_answer(document, status, each) for status, each in about["responses"].items()],
            }


def _operations(document: Document, action: str) -> Iterator[dict[str, Any]]:
    for name, about in document["operations"].items():
        if about["action"] != action:
            continue
        payload = document["components"]["messages"][name]["payload"]["properties"]
        reply = document["components"]["messages"].get(f"{name}_reply")
        yield {
            "name": name,
            "summary": about["summary"].replace("`", ""),
            "rooms": about.get("x-rooms", []),
            "data": [_drawn(document, each) for each in payload["data"].get("anyOf", [payload["data"]])],
            "reply": _drawn(document, reply["payload"]["properties"]["data"]) if reply is not None else "",
        }


def _parameter(document: Document, described: Document) -> dict[str, Any]:
    found = _resolved(document, described)
    return {**found, "type": _type(document, found.get("schema", {}))}


def _answer(document: Document, status: str, described: Document) -> dict[str, Any]:
    found = _resolved(document, described)
    content = found.get("content", {})
    schema = next((each.get("schema", {}) for each in content.values()), None)
    is_plain = schema is None or status.startswith(("4", "5")) or status == "default"
    return {
        "status": status,
        "description": found.get("description", ""),
        "schema": "" if is_plain else _drawn(document, schema or {}),
    }


def _resolved(document: Document, part: Document) -> Document:
    """Follow a reference inside the document."""
    while "$ref" in part:
        target: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        part = target
    return part


def _type(document: Document, schema: Document) -> str:
    """Return the type in a word or two."""
    if "$ref" in schema:
        found = _resolved(document, schema)
        return _type(document, found) if "enum" in found else str(schema["$ref"].rsplit("/", 1)[-1])
    if "enum" in schema:
        return " | ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"])
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return " | ".join(_type(document, each) for each in schema[name])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " | ".join(kind)
    if kind == "array":
        return f"[{', '.join(_type(document, each) for each in _items(schema))}]"
    return str(kind)


def _items(schema: Document) -> list[Document]:
    """Return what an array holds: any number of one thing, or several in their places."""
    places: list[Document] = schema.get("prefixItems") or [schema.get("items") or {}]
    return places


def _drawn(document: Document, schema: Document, indent: int = 0) -> str:
    """Return a schema as an indented outline, three levels deep."""
    found = _resolved(document, schema)
    for name in ("anyOf", "oneOf"):
        objects = [each for each in found.get(name, []) if each.get("type") != "null"]
        if objects:
            return _drawn(document, objects[0], indent)
    if found.get("type") == "array":
        return f"[{', '.join(_drawn(document, each, indent) for each in _items(found))}]"
    if "properties" not in found or indent > 2:
        return _type(document, schema)
    needed = set(found.get("required", ()))
    lines = [
        f"{'  ' * (indent + 1)}{name}{'' if name in needed else '?'}: {_drawn(document, each, indent + 1)}"
        for name, each in found["properties"].items()
    ]
    return "{\n" + "\n".join(lines) + "\n" + "  " * indent + "}"
