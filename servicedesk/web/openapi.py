"""The OpenAPI 3.1 document, made from the route table and the types that it names."""

import inspect
import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from servicedesk.domain.access import ROLES
from servicedesk.domain.errors import FieldError
from servicedesk.version import VERSION
from servicedesk.web.api import TABLE, Call, Kind, Row, encode

REFERENCE: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_NAMED_BY_TEXT: Final = ("/api/files/{", "/api/files/resumable/{")
_PHRASES: Final = {460: "Checksum Mismatch"}
"""Of statuses that HTTP itself does not know."""
_MUTATING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    """What kind of refusal it is, for a program."""
    request_id: str
    errors: list[FieldError] = []
    """Every bad field of a 422."""


async def document(call: Call) -> web.Response:
    """Return this document."""
    return web.Response(
        body=_encoded(call.app[TABLE]),
        content_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


@cache
def describe(rows: tuple[Row, ...]) -> dict[str, Any]:
    """Return the document of these rows as plain values."""
    rows = tuple(row for row in rows if row.kind is Kind.API)
    types = [t for row in rows for t in (row.body, row.query, row.returns) if t is not None]
    types += [type_ for row in rows for _, type_ in row.takes]
    _, components = msgspec.json.schema_components(
        [*types, Problem], ref_template=REFERENCE, schema_hook=any_value
    )
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Service desk",
            "version": VERSION,
            "description": "Tickets, conversations, files and people of a help desk.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


@cache
def _encoded(rows: tuple[Row, ...]) -> bytes:
    return encode(describe(rows))


def _operation(row: Row) -> dict[str, Any]:
    summary, _, rest = (inspect.getdoc(row.handler) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": f"{row.handler.__module__.rsplit('.', 1)[-1]}_{row.handler.__name__}",
        "summary": " ".join(summary.split()),
        "tags": [row.path.split("/")[2] if row.path.startswith("/api/") else "operations"],
        "parameters": [*_path_parameters(row), *_query_parameters(row), *_header_parameters(row)],
        "responses": _responses(row),
        "security": [] if row.who is None else [{"bearer": []}],
    }
    if rest:
        operation["description"] = rest
    if row.who is not None:
        operation["x-roles"] = sorted(ROLES[row.who])
    if takes := ((("application/json", row.body),) if row.body is not None else row.takes):
        content = {media_type: {"schema": _schema(type_)} for media_type, type_ in takes}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(row: Row) -> Iterable[dict[str, Any]]:
    for name in _PARAMETER.findall(row.path):
        schema = (
            {"type": "string"} if row.path.startswith(_NAMED_BY_TEXT) else {"type": "integer", "minimum": 1}
        )
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(row: Row) -> Iterable[dict[str, Any]]:
    if row.query is not None:
        yield from _parameters(row.query, "query")


def _parameters(type_: type, place: str) -> Iterable[dict[str, Any]]:
    _, components = msgspec.json.schema_components([type_], ref_template=REFERENCE, schema_hook=any_value)
    needed = components[type_.__name__].get("required", ())
    for name, schema in components[type_.__name__]["properties"].items():
        is_list = schema.get("type") == "array" or any(
            s.get("type") == "array" for s in schema.get("anyOf", ())
        )
        form = {"style": "form", "explode": False} if is_list else {}
        yield {"name": name, "in": place, "required": name in needed, "schema": schema, **form}


def _header_parameters(row: Row) -> Iterable[dict[str, Any]]:
    if row.method == "POST" and not row.path.startswith("/api/auth/"):
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema}
    if row.headers is not None:
        yield from _parameters(row.headers, "header")
    if row.etag:
        yield {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}


def _responses(row: Row) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    answer: dict[str, Any] = {"description": HTTPStatus(row.status).phrase}
    if row.tells:
        answer["headers"] = {name: {"schema": {"type": "string"}} for name in row.tells}
    if row.returns is not None:
        answer["content"] = {"application/json": {"schema": _schema(row.returns)}}
    if row.or_gives is not None:
        answer["content"][row.or_gives] = {}
    responses[str(row.status)] = answer
    if row.gives is not None:
        answer["content"] = {row.gives: {}}
        responses["206"] = {"description": HTTPStatus(206).phrase}
    if row.gives is not None or row.etag:
        responses["304"] = {"description": HTTPStatus(304).phrase}
    problem = {"application/problem+json": {"schema": _schema(Problem)}}
    for status in _refusals(row):
        phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
        responses[str(status)] = {"description": phrase, "content": problem}
    return responses


def _refusals(row: Row) -> list[int]:
    """Return the statuses with which this row can refuse."""
    found = {400, *row.refuses}
    if row.who is not None:
        found |= {401, 403, 429}
    if "{" in row.path:
        found.add(404)
    if row.body is not None or row.raw_body:
        found |= {408, 413, 415, 422}
    if row.method in _MUTATING:
        found |= {409, 503}
    if row.on is not None and row.method in _MUTATING:
        found.add(412)
    if row.takes:
        found.add(507)
    if row.gives is not None:
        found.add(416)
    return sorted(found)


def _schema(type_: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([type_], ref_template=REFERENCE, schema_hook=any_value)
    return schema


def any_value(_type: type) -> dict[str, Any]:
    """Return the schema of a plain ``object``: a value of any kind."""
    return {"description": "A value of any kind."}  # an empty schema counts as none
