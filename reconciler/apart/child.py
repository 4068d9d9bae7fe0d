"""The limited process: it reads both commits, and plans."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from reconciler.apart.question import Compared, Mistaken, Question
from reconciler.comparison import compare
from reconciler.diagnostic import DiagnosticError
from reconciler.reconcile import Options


def answered(question: bytes) -> bytes:
    """The answer to a question."""
    asked = msgspec.json.decode(question, type=Question)
    try:
        answer: Compared | Mistaken = Compared(compare(_options(asked), os.fsdecode(asked.base)))
    except DiagnosticError as failure:
        answer = Mistaken(failure.diagnostics)
    return msgspec.json.encode(answer)


def _options(asked: Question) -> Options:
    return Options(
        repo=Path(os.fsdecode(asked.repo)),
        path=os.fsdecode(asked.path),
        rev=None if asked.rev is None else os.fsdecode(asked.rev),
        allow=asked.allow,
        targets=frozenset(asked.targets),
    )
