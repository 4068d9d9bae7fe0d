"""What is asked of the limited process, and what it answers."""

from __future__ import annotations

import msgspec

from reconciler.address import Address
from reconciler.diagnostic import Diagnostic
from reconciler.guard.allow import Allow
from reconciler.plan import Plan


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A published observation: where it is, and whose word is taken for it (`signers` is a file, None: anybody's)."""

    where: bytes
    signers: bytes | None = None
    signer: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done for `rev` on hosts that are as `base` declares, or as they were `shown`? Names are bytes, as
    systems have them.
    """

    repo: bytes
    path: bytes
    rev: bytes | None
    base: bytes = b""
    shown: Shown | None = None
    allow: Allow
    targets: tuple[Address, ...]


class Compared(msgspec.Struct, frozen=True, tag="compared"):
    """What came of it."""

    plan: Plan


class Mistaken(msgspec.Struct, frozen=True, tag="mistaken"):
    """There is no plan, and why."""

    diagnostics: tuple[Diagnostic, ...]
