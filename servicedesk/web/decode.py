"""From bytes and query strings to typed values; what is wrong is all named at once."""

import re
import types
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import FieldInfo, fields
from multidict import MultiMapping

from servicedesk.domain.errors import BadJson, BadParameter, FieldError, Invalid
from servicedesk.domain.words import Text, joined, say

T = TypeVar("T")
Check = Callable[[Any, str], Iterator[FieldError]]

DEPTH_MAX: Final = 64
_QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_AT: Final = re.compile(r" - at `\$(.*)`$")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


_SAYINGS: Final[tuple[tuple[re.Pattern[str], Callable[..., Text]], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (
            r"expected `(?P<wanted>[^`]+)`, got `(?P<found>[^`]+)`",
            lambda wanted, found: say("expected `{wanted}`, got `{found}`", wanted=wanted, found=found),
        ),
        (
            r"expected `(?P<kind>\w+)` of length >= (?P<least>\d+)",
            lambda kind, least: say("expected `{kind}` of length >= {least}", kind=kind, least=least),
        ),
        (
            r"expected `(?P<kind>\w+)` of length <= (?P<most>\d+)",
            lambda kind, most: say("expected `{kind}` of length <= {most}", kind=kind, most=most),
        ),
        (
            r"expected `(?P<kind>\w+)` >= (?P<least>\S+)",
            lambda kind, least: say("expected `{kind}` >= {least}", kind=kind, least=least),
        ),
        (
            r"expected `(?P<kind>\w+)` <= (?P<most>\S+)",
            lambda kind, most: say("expected `{kind}` <= {most}", kind=kind, most=most),
        ),
        (
            r"invalid enum value (?P<value>.+)",
            lambda value: say("invalid enum value {value}", value=value),
        ),
        (
            r"object missing required field `(?P<name>.+)`",
            lambda name: say("object missing required field `{name}`", name=name),
        ),
        (
            r"object contains unknown field `(?P<name>.+)`",
            lambda name: say("object contains unknown field `{name}`", name=name),
        ),
    )
)
"""What msgspec says of a value that is not as it should be, word for word, and the text that it becomes."""


def checked(check: Check) -> msgspec.Meta:
    """Return the annotation that has a field's value looked at by a rule of ``domain``."""
    return msgspec.Meta(extra={"check": check})


def body(raw: bytes, into: type[T]) -> T:
    """Return the JSON as a value of the type. Raises BadJson, or Invalid naming every bad field."""
    plain(raw)
    try:
        value: T = _decoder(cast(Any, into)).decode(raw)
    except msgspec.ValidationError:
        raise Invalid(list(_all_errors(json_value(raw), into, ""))) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadJson(f"The body is not JSON: {error}.") from None
    if errors := list(_check_errors(value, into, "")):
        raise Invalid(errors)
    return value


def plain(raw: bytes) -> None:
    """Raise BadJson unless the bytes are UTF-8 and nested no deeper than 64."""
    if not raw.strip():
        raise BadJson("The body is empty; JSON is expected.")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise BadJson(f"The body is not UTF-8: byte {error.start} is wrong.") from None
    if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and _depth(raw) > DEPTH_MAX:
        raise BadJson(f"The body is nested deeper than {DEPTH_MAX}.")


def json_value(raw: bytes) -> Any:
    """Return the JSON as plain Python values. Raises BadJson."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise BadJson(f"The body is not JSON: {error}.") from None


def parameters(query: Mapping[str, str], into: type[T]) -> T:
    """Return the query string as a value of the type; lists are separated by commas. Raises BadParameter."""
    known = _shape(cast(Any, into))
    values: dict[str, Any] = {}
    for name, text in query.items():
        if name not in known:
            raise BadParameter(name, say("There is no parameter {name!r} here.", name=name))
        if name in values:
            raise BadParameter(name, say("The parameter {name!r} is given twice.", name=name))
        if "\0" in text:
            raise BadParameter.of(name, _sentence(say("must not contain NUL")))
        values[name] = text.split(",") if known[name].is_list else text
    try:
        return msgspec.convert(values, into, strict=False)
    except msgspec.ValidationError as error:
        message, pointer = _located(error, "")
        name = pointer.split("/")[1] if pointer else "?"
        raise BadParameter.of(name, _sentence(message)) from None


def headers(sent: MultiMapping[str], into: type[T]) -> T:
    """Return headers as a value of the type. Raises BadParameter."""
    values: dict[str, str] = {}
    for name, field in _shape(cast(Any, into)).items():
        given = sent.getall(name, [])
        if len(given) > 1:
            raise BadParameter(name, f"The header {name} is given twice.")
        if not given and field.info.required:
            raise BadParameter(name, f"The header {name} is needed.")
        if given:
            values[name] = given[0].strip()
    try:
        return msgspec.convert(values, into, strict=False)
    except msgspec.ValidationError as error:
        message, pointer = _located(error, "")
        raise BadParameter.of(pointer[1:] or "?", _sentence(message)) from None


class _Field(msgspec.Struct, frozen=True):
    info: FieldInfo
    hint: Any
    checks: tuple[Check, ...]
    struct: type | None
    is_list: bool
    items: type | None
    """What a list of structs holds, or an object that has structs by name."""


@cache
def _decoder(into: Hashable) -> msgspec.json.Decoder[Any]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(into)
    return decoder


@cache
def _shape(into: Hashable) -> dict[str, _Field]:
    """Return the fields by their name on the wire."""
    assert isinstance(into, type)
    hints = get_type_hints(into, include_extras=True)
    shape = {}
    for info in fields(into):
        kinds = list(_kinds(hints[info.name]))
        shape[info.encode_name] = _Field(
            info,
            hints[info.name],
            tuple(k for k in kinds if isinstance(k, _CheckMark)),
            next((k for k in kinds if isinstance(k, type) and issubclass(k, msgspec.Struct)), None),
            any(k in (list, tuple) for k in kinds),
            _items(hints[info.name]),
        )
    return shape


def _items(hint: Any) -> type | None:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    item = get_args(hint)[-1] if get_origin(hint) in (list, dict) else None
    return item if isinstance(item, type) and issubclass(item, msgspec.Struct) else None


class _CheckMark:
    """A rule found in an annotation."""

    def __init__(self, check: Check) -> None:
        self._check = check

    def __call__(self, value: Any, pointer: str) -> Iterator[FieldError]:
        return self._check(value, pointer)


def _kinds(hint: Any) -> Iterator[Any]:
    """Yield the plain types, the origins of generic ones, and the rules that an annotation holds."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *marks = get_args(hint)
        yield from _kinds(inner)
        for mark in marks:
            if isinstance(mark, msgspec.Meta) and mark.extra and "check" in mark.extra:
                yield _CheckMark(mark.extra["check"])
    elif origin in (Union, types.UnionType):
        for option in get_args(hint):
            yield from _kinds(option)
    else:
        yield origin or hint


def _check_errors(value: Any, into: type, pointer: str) -> Iterator[FieldError]:
    """Yield what the rules say about a value whose types are right."""
    if not (isinstance(into, type) and issubclass(into, msgspec.Struct)):
        return
    for name, field in _shape(into).items():
        yield from _field_errors(getattr(value, field.info.name), field, f"{pointer}/{name}")
    if hasattr(value, "check"):
        yield from value.check()


def _field_errors(value: Any, field: _Field, pointer: str) -> Iterator[FieldError]:
    if value is None or value is msgspec.UNSET:
        return
    if _holds_nul(value):
        yield FieldError(pointer, "invalid", say("must not contain NUL"))
        return
    for check in field.checks:
        yield from check(value, pointer)
    if field.struct is not None and isinstance(value, field.struct):
        yield from _check_errors(value, field.struct, pointer)


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    return isinstance(value, list | tuple) and any(isinstance(v, str) and "\0" in v for v in value)


def _all_errors(value: Any, into: type, pointer: str) -> Iterator[FieldError]:
    """Go over the fields one by one, since msgspec stops at the first bad one."""
    if not (isinstance(into, type) and issubclass(into, msgspec.Struct)) or not isinstance(value, dict):
        yield from _conversion_errors(value, into, pointer)
        return
    shape = _shape(into)
    for name in value.keys() - shape.keys():
        yield FieldError(f"{pointer}/{_escape(name)}", "unknown", say("is not a field here"))
    for name, field in shape.items():
        here = f"{pointer}/{name}"
        if name not in value:
            if field.info.required:
                yield FieldError(here, "missing", say("is required"))
        elif field.struct is not None and isinstance(value[name], dict):
            yield from _all_errors(value[name], field.struct, here)
        else:
            errors = list(_item_errors(value[name], field.items, here))
            errors = errors or list(_conversion_errors(value[name], field.hint, here))
            yield from errors
            if not errors:
                yield from _field_errors(value[name], field, here)


def _item_errors(value: Any, items: type | None, pointer: str) -> Iterator[FieldError]:
    if items is None or not isinstance(value, list | dict):
        return
    for name, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _all_errors(item, items, f"{pointer}/{_escape(str(name))}")


def _conversion_errors(value: Any, into: Any, pointer: str) -> Iterator[FieldError]:
    try:
        msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        message, where = _located(error, pointer)
        yield FieldError(where, "invalid", message)


def _located(error: msgspec.ValidationError, pointer: str) -> tuple[str, str]:
    """Split msgspec's message into the words and the JSON pointer of the place."""
    text = str(error)
    match = _AT.search(text)
    if not match:
        return _said(_lower(text)), pointer
    steps = [_escape(name or index) for name, index in _STEP.findall(match[1])]
    return _said(_lower(text[: match.start()])), "/".join([pointer, *steps])


def _said(message: str) -> str:
    """Return what msgspec says as a text of ours, so that it can be said in other languages."""
    for pattern, text in _SAYINGS:
        if match := pattern.fullmatch(message):
            return text(**match.groupdict())
    return message


def _sentence(text: str) -> str:
    return joined("", (text, "."))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _depth(raw: bytes) -> int:
    deepest = depth = 0
    for byte in _QUOTED.sub(b"", raw):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
