"""What is wrong with a document, in words for people: every violation of its kind's schema, in one pass."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

from reconciler.suggest import did_you_mean, listed, nearest, shortened, shown
from reconciler.yaml import BROKEN

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


_JSON_TYPES: dict[type, str] = {str: "string", list: "array", dict: "object"}


MOST_MISSPELT = 50
"""How many unknown fields are compared with absent ones."""


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


@functools.cache
def _validator_type() -> Any:
    """Made when the first mistake is looked for: most runs find none, and need not wait for the import."""
    import jsonschema

    draft: Any = jsonschema.Draft202012Validator
    validators: Any = jsonschema.validators
    return validators.extend(draft, type_checker=draft.TYPE_CHECKER.redefine("integer", _is_integer))


def mistakes(document: Any, schema: dict[str, Any]) -> Iterator[Mistake]:
    """Every way in which a document (plain data) violates a schema, lazily and in no order.

    Nothing is said about values that were refused before they had a type.
    """
    for error in _validator_type()(schema).iter_errors(document):
        yield from _explain(error)


def _explain(error: Violation) -> Iterator[Mistake]:
    if error.instance is not BROKEN:
        yield from _EXPLANATIONS[str(error.validator)](error)


def _path(error: Violation) -> tuple[str | int, ...]:
    return tuple(error.absolute_path)


def _where(error: Violation) -> str:
    names = [shortened(str(part), 63) for part in error.absolute_path]
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
    unknown = (name for name in error.instance if name not in known)
    misspelt = {nearest(name, known) for name in islice(unknown, MOST_MISSPELT)}
    for name in error.validator_value:
        # jsonschema reports each absent field by itself, and names it in its message alone.
        if name not in error.instance and error.message.startswith(repr(name)) and name not in misspelt:
            about = known[name].get("description", "")
            detail = f"{_where(error)} needs `{name}`" + (f": {_lower(about)}" if about else ".")
            yield Mistake(_path(error), "missing-field", "missing field", detail[:1].upper() + detail[1:], at_key=True)


def _lower(sentence: str) -> str:
    """The sentence as a part of another; abbreviations keep their capitals."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def _wrong_type(error: Violation) -> Iterator[Mistake]:
    yield wrong_type(error, [str(error.validator_value)])


def wrong_type(error: Violation, types: list[str]) -> Mistake:
    """The value is of none of `types` (JSON Schema's names)."""
    path = _path(error)
    if error.instance is None:
        return Mistake(path, "empty-field", "field has no value", "Write a value, or remove the line.", at_key=True)
    wanted = error.schema.get("title") if types == ["string"] else None
    names = wanted or " or ".join(_TYPES[name] for name in types)
    detail = f"This is {_kind_of(error.instance)}; it must be {names}.{_type_remedy(error, types)}"
    return Mistake(path, "wrong-type", "wrong type", detail)


def _kind_of(value: object) -> str:
    if isinstance(value, bool):
        return f"the truth value `{str(value).lower()}`"
    if isinstance(value, float):
        return "a decimal number"
    return "a number" if isinstance(value, int) else _TYPES[_JSON_TYPES[type(value)]]


def _type_remedy(error: Violation, types: list[str]) -> str:
    value = error.instance
    match value, types:
        case bool() | int() | float(), ["string"] if _validator_type()(error.schema).is_valid(str(value)):
            return " Put it in quotes."
        case str(), ["boolean"]:
            return f" {shown(value)} means neither."
        case str(), ["integer"] if value.isdecimal():
            return " Remove the quotes."
        case str(), ["array"] if value.isprintable():
            return f" Write `[{shown(value)[1:-1]}]`."
        case [str() as first, *_], ["object"] if error.schema.get("additionalProperties") and first.isprintable():
            return f" Write `{shown(first)[1:-1]}: {{}}`, and each other one, on a line of its own."
        case _, ["object"] if "properties" in error.schema:
            return f" Its fields are {listed(sorted(error.schema['properties']))}."
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
    detail = f"{shown(error.instance)} is not {error.schema['title']}.{_tidied(error) or _lookalike(error.instance)}"
    in_key = "propertyNames" in error.absolute_schema_path
    path = (*_path(error), error.instance) if in_key else _path(error)
    yield Mistake(path, "malformed-value", "value is malformed", detail, at_key=in_key)


def _tidied(error: Violation) -> str:
    """A question with the nearest value that would do, when lower case and hyphens are all it takes."""
    text = "-".join(str(error.instance).lower().replace("_", "-").split()).strip("-")
    fits = text != error.instance and _validator_type()(error.schema).is_valid(text)
    return f" Did you mean `{text}`?" if fits else ""


def _lookalike(text: str) -> str:
    """Which character is none of ASCII: it may look like one that is."""
    strange = next((character for character in text if not character.isascii()), None)
    return f" It holds {unicodedata.name(strange, 'a character')} (U+{ord(strange):04X})." if strange else ""


def _bound(words: str, noun: str = "", nouns: str = "") -> Callable[[Violation], Iterator[Mistake]]:
    """An explanation for a limit: the field's name, `words`, and the limit, of what `noun` counts."""

    def explain(error: Violation) -> Iterator[Mistake]:
        limit = error.validator_value
        counted = f"{limit:,} {noun if limit == 1 else nouns}".strip()
        yield Mistake(_path(error), "out-of-bounds", "value is out of bounds", f"{_where(error)} {words} {counted}.")

    return explain


def _alternatives(error: Violation) -> Iterator[Mistake]:
    """None of several alternatives fits: explain the one that was meant, told by its type."""
    branches: dict[int, list[Violation]] = {}
    for cause in error.context or ():
        branches.setdefault(int(cause.schema_path[0]), []).append(cause)
    types = [name for name in _branch_types(error) if name != "null"]
    meant = [causes for causes in branches.values() if not any(_mistyped(error, cause) for cause in causes)]
    if meant:
        for cause in meant[0]:
            yield from _explain(cause)
    elif len(types) == 1 and error.instance is not None:
        yield from _explain(branches[0][0])
    else:
        yield wrong_type(error, types)


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
    "maximum": _bound("may be at most"),
    "maxItems": _bound("may have at most", "item", "items"),
    "maxLength": _bound("may have at most", "character", "characters"),
    "maxProperties": _bound("may have at most", "entry", "entries"),
    "minimum": _bound("must be at least"),
    "minItems": _bound("must have at least", "item", "items"),
    "minLength": _bound("must have at least", "character", "characters"),
    "minProperties": _bound("must have at least", "entry", "entries"),
    "pattern": _malformed,
    "required": _missing_field,
    "type": _wrong_type,
}
EXPLAINED = frozenset(_EXPLANATIONS)
"""The words of JSON Schema that have an explanation; a test proves that the schemas use no other."""
