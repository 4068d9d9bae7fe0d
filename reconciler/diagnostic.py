"""Diagnostics: anything that is told to a person is a value first."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning"]


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a file. `line` and `column` count from 1; 0 stands for the file as a whole."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.path, *(str(number) for number in (self.line, self.column) if number)])


class Diagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """One message: what (`summary`, constant per code), why and the remedy (`detail`), and where.

    `excerpt` is the source line that `place` points into; reports draw the caret. `length` is how many columns
    are meant.
    """

    severity: Severity
    code: str
    summary: str
    detail: str = ""
    place: Place | None = None
    excerpt: str = ""
    length: int = 1


def error(code: str, summary: str, detail: str = "", place: Place | None = None, **more: object) -> Diagnostic:
    """An error diagnostic."""
    return msgspec.structs.replace(
        Diagnostic(severity="error", code=code, summary=summary, detail=detail, place=place), **more
    )


def failed(diagnostics: list[Diagnostic]) -> bool:
    """Whether any of them is an error."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, without repetition: the same mistake is told once."""
    nowhere = Place("")
    return sorted(dict.fromkeys(diagnostics), key=lambda d: (d.place or nowhere, d.code, d.summary, d.detail))


class DiagnosticError(Exception):
    """What was asked cannot be done; `diagnostics` say why and what to do. The edges raise it, the command line
    shows it.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(f"{each.summary}: {each.detail}" for each in diagnostics))
        self.diagnostics = diagnostics


class Untrusted(DiagnosticError):
    """A commit is not trusted: it is not signed as it must be, changes what it may not, or cannot be judged at all."""
