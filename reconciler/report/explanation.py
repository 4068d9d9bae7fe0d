"""`explain`, for people: a kind, a field, or a list of kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.report.field_doc import KINDS, FieldDoc
from reconciler.report.line import Line, Span, indented, line


def field_lines(doc: FieldDoc, example: str) -> list[Line]:
    """One kind or field: what it is, what it may hold, what stands below it, and how it is written."""
    is_kind = "." not in doc.path
    lines = [line(Span(doc.path, "bold"), "" if is_kind else f"  {_words(doc, short=False)}")]
    lines += [line(f"  {text}") for text in (doc.description, doc.about) if text]
    if doc.bounds:
        lines.append(line(f"  Bounds: {', '.join(doc.bounds)}."))
    for part in doc.fields if is_kind else ():
        lines += _section(part.name.upper(), part.fields) if part.fields else []
    if not is_kind:
        lines += _section("FIELDS", doc.fields)
    if example:
        lines += [line(), line(Span("EXAMPLE", "bold")), *indented(map(line, example.splitlines()), 2)]
    return lines


def _section(title: str, fields: Iterable[FieldDoc]) -> Iterator[Line]:
    rows = list(fields)
    if not rows:
        return
    yield line()
    yield line(Span(title, "bold"))
    for field in rows:
        yield line(Span(f"  {field.name}", "cyan"), f"  {_words(field, short=True)}")
        yield line(f"      {field.description or field.about}")


def _words(doc: FieldDoc, *, short: bool) -> str:
    """The type, whether it is needed, and its default; the form of a text in full only where there is room."""
    kind = doc.type.partition(": ")[0] if short else doc.type
    words = [kind, "required" if doc.required else "", f"default {doc.default}" if doc.default else ""]
    return "; ".join(word for word in words if word)


def kinds_lines() -> list[Line]:
    """Every kind with what it is."""
    return [line(Span(f"{kind:<14}", "bold"), words) for kind, words in KINDS.items()]


def field_value(doc: FieldDoc, example: str) -> dict[str, Any]:
    """The same for programs."""
    return {"formatVersion": 1, **_value(doc), "example": example}


def _value(doc: FieldDoc) -> dict[str, Any]:
    return {
        "path": doc.path,
        "type": doc.type,
        "description": doc.description,
        "required": doc.required,
        "default": doc.default or None,
        "allowed": list(doc.allowed),
        "bounds": list(doc.bounds),
        "fields": [_value(field) for field in doc.fields],
    }
