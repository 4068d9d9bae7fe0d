"""What is wrong with a document, in words for people: every violation of its kind's schema, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import msgspec

from reconciler.suggest import did_you_mean, listed, nearest, shown

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
    "null": "nothing",
}


Violation = Any
"""A `ValidationError` of jsonschema, whose attributes a type checker must all take for unset."""


class Mistake(msgspec.Struct, frozen=True):
    """One mistake. `at_key`: the name of the field is meant, not its `value`."""

    path: tuple[str | int, ...]
    code: str
    summary: str
    detail: str
    at_key: bool = False
    value: Any = None


def _is_integer(checker: object, value: object) -> bool:
    """msgspec takes no `1.0` for an int; JSON Schema by itself would."""
    return isinstance(value, int) and not isinstance(value, bool)


_DRAFT: Any = jsonschema.Draft202012Validator
_Validator: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    _DRAFT, type_checker=_DRAFT.TYPE_CHECKER.redefine("integer", _is_integer)
)


def mistakes(document: Any, schema: dict[str, Any]) -> Iterator[Mistake]:
    """Every way in which a document (plain data) violates a schema, lazily and in no order."""
    for error in _Validator(schema).iter_errors(document):
        yield from _explain(error)


def _explain(error: Violation) -> Iterator[Mistake]:
    yield from _EXPLANATIONS[str(error.validator)](error)


def _path(error: Violation) -> tuple[str | int, ...]:
    return tuple(error.absolute_path)


def _where(error: Violation) -> str:
    names = [str(part) for part in error.absolute_path]
    return f"`{'.'.join(names)}`" if names else "a manifest"


def _unknown_fields(error: Violation) -> Iterator[Mistake]:
    known = error.schema["properties"]
    for name in error.instance:
        if name not in known:
            path = (*_path(error), name)
            yield Mistake(path, "unknown-field", "unknown field", _unknown_field(error, name, known), at_key=True)


def _unknown_field(error: Violation, name: str, known: dict[str, Any]) -> str:
    text = f"{shown(name)} is no field of {_where(error)}."
    if question := did_you_mean(name, known):
        return text + question
    return f"{text} Its fields are {listed(sorted(known))}." if known else text


def _missing_field(error: Violation) -> Iterator[Mistake]:
    """One error per absent field; none when it is there, misspelt: that is reported as an unknown field."""
    known = error.schema["properties"]
    unknown = [name for name in error.instance if name not in known]
    misspelt = {nearest(name, known) for name in unknown}
    for name in error.validator_value:
        # jsonschema reports each absent field by itself, and names it in its message alone.
        if name not in error.instance and error.message.startswith(repr(name)) and name not in misspelt:
            about = known[name].get("description", "")
            detail = f"{_where(error)} needs `{name}`" + (f": {about[:1].lower()}{about[1:]}" if about else ".")
            yield Mistake(_path(error), "missing-field", "missing field", detail[:1].upper() + detail[1:], at_key=True)


def _wrong_type(error: Violation) -> Iterator[Mistake]:
    yield wrong_type(error, [str(error.validator_value)])


def wrong_type(error: Violation, types: list[str]) -> Mistake:
    """The value is of none of `types` (JSON Schema's names)."""
    path = _path(error)
    if error.instance is None:
        return Mistake(path, "empty-field", "field has no value", "Write a value, or remove the line.", at_key=True)
    names = [_TYPES[name] for name in types]
    detail = f"This must be {' or '.join(names)}, not {_kind_of(error.instance)}.{_type_remedy(error.instance, types)}"
    return Mistake(path, "wrong-type", "wrong type", detail)


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return f"the truth value `{str(value).lower()}`"
    if isinstance(value, int | float):
        return "a number"
    return "text" if isinstance(value, str) else "a mapping" if isinstance(value, dict) else "a list"


def _type_remedy(value: object, types: list[str]) -> str:
    if "string" in types and isinstance(value, bool | int | float):
        return " Put it in quotes."
    if "boolean" in types and isinstance(value, str):
        return " This YAML knows no other words for them, and quotes make it text."
    if "integer" in types and isinstance(value, str) and value.isdigit():
        return " Remove the quotes."
    if "array" in types and isinstance(value, str):
        return f" Write [{shown(value)[1:-1]}]."
    if "object" in types and isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return f" Write {shown(value[0])[1:-1]}: {{}} on a line of its own for each."
    return ""


def _not_allowed(error: Violation) -> Iterator[Mistake]:
    allowed = [str(value) for value in error.validator_value]
    if not isinstance(error.instance, str):
        yield wrong_type(error, ["string"])
        return
    detail = f"{shown(error.instance)} is not one of {listed(allowed)}.{did_you_mean(error.instance, allowed)}"
    summary = "value is not one of those allowed"
    yield Mistake(_path(error), "value-not-allowed", summary, detail, value=error.instance)


def _malformed(error: Violation) -> Iterator[Mistake]:
    detail = f"{shown(error.instance)} is not {error.schema['title']}.{_tidied(error)}"
    in_key = "propertyNames" in error.absolute_schema_path
    path = (*_path(error), error.instance) if in_key else _path(error)
    yield Mistake(path, "malformed-value", "value is malformed", detail, at_key=in_key)


def _tidied(error: Violation) -> str:
    """A question with the nearest value that would do, when lower case and hyphens are all it takes."""
    text = "-".join(str(error.instance).lower().replace("_", "-").split()).strip("-")
    fits = text != error.instance and _Validator(error.schema).is_valid(text)
    return f" Did you mean `{text}`?" if fits else ""


def _bound(words: str) -> Callable[[Violation], Iterator[Mistake]]:
    """An explanation for a limit; `words` has `{}` for it."""

    def explain(error: Violation) -> Iterator[Mistake]:
        detail = words.format(f"{error.validator_value:,}")
        yield Mistake(_path(error), "out-of-bounds", "value is out of bounds", detail)

    return explain


def _alternatives(error: Violation) -> Iterator[Mistake]:
    """None of several alternatives fits: explain the one that was meant, told by its type."""
    branches: dict[int, list[Violation]] = {}
    for cause in error.context or ():
        branches.setdefault(int(cause.schema_path[0]), []).append(cause)
    meant = [causes for causes in branches.values() if not any(_mistyped(error, cause) for cause in causes)]
    if meant:
        for cause in meant[0]:
            yield from _explain(cause)
    else:
        yield wrong_type(error, [name for name in _branch_types(error) if name != "null"])


def _mistyped(error: Violation, cause: Violation) -> bool:
    """Whether the value as a whole has another type than the alternative wants."""
    if cause.absolute_path != error.absolute_path:
        return False
    return cause.validator == "type" or (cause.validator == "enum" and not isinstance(cause.instance, str))


def _branch_types(error: Violation) -> list[str]:
    return [branch.get("type", "string" if "enum" in branch else "object") for branch in error.validator_value]


_EXPLANATIONS: dict[str, Callable[[Violation], Iterator[Mistake]]] = {
    "additionalProperties": _unknown_fields,
    "anyOf": _alternatives,
    "enum": _not_allowed,
    "maximum": _bound("It may be {} at most."),
    "maxItems": _bound("The list may have {} items at most."),
    "maxLength": _bound("The text may have {} characters at most."),
    "maxProperties": _bound("There may be {} of them at most."),
    "minimum": _bound("It must be {} at least."),
    "minItems": _bound("The list must have {} items at least."),
    "minLength": _bound("The text must have {} characters at least."),
    "minProperties": _bound("There must be {} of them at least."),
    "pattern": _malformed,
    "required": _missing_field,
    "type": _wrong_type,
}
EXPLAINED = frozenset(_EXPLANATIONS)
"""The words of JSON Schema that have an explanation; a test proves that the schemas use no other."""
