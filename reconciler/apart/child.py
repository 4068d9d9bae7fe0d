"""The limited process: it reads both commits, or one and what the hosts showed, and plans."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from reconciler.against import plan_against
from reconciler.apart.question import Compared, Mistaken, Question
from reconciler.comparison import compare
from reconciler.diagnostic import Diagnostic, DiagnosticError, error
from reconciler.plan import Plan
from reconciler.reconcile import Options

MOST_TOLD = 1_000
"""Mistakes; nobody reads as many, and a stranger can make any number."""


def answered(question: bytes) -> bytes:
    """The answer to a question."""
    asked = msgspec.json.decode(question, type=Question)
    try:
        answer: Compared | Mistaken = Compared(_plan(asked))
    except DiagnosticError as failure:
        answer = Mistaken(_told(failure.diagnostics))
    return msgspec.json.encode(answer)


def _told(mistakes: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The mistakes, without a flood of them in anybody's log."""
    more = len(mistakes) - MOST_TOLD
    if more <= 0:
        return mistakes
    detail = f"{more:,} more are not shown. `reconciler validate` tells all of them."
    return (*mistakes[:MOST_TOLD], error("more-mistakes", "there are more mistakes than are shown", detail))


def _plan(asked: Question) -> Plan:
    if asked.shown is None:
        return compare(_options(asked), os.fsdecode(asked.base))
    signers = asked.shown.signers
    return plan_against(
        _options(asked),
        os.fsdecode(asked.shown.where),
        signers=None if signers is None else Path(os.fsdecode(signers)),
        signer=asked.shown.signer,
    )


def _options(asked: Question) -> Options:
    return Options(
        repo=Path(os.fsdecode(asked.repo)),
        path=os.fsdecode(asked.path),
        rev=None if asked.rev is None else os.fsdecode(asked.rev),
        allow=asked.allow,
        targets=frozenset(asked.targets),
    )
