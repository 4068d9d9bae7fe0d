"""How much is tried where all of it takes minutes: a sample in every run, all of it when RECONCILER_THOROUGH=1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

THOROUGH = os.environ.get("RECONCILER_THOROUGH") == "1"


def some(everything: Sequence[T], step: int) -> Sequence[T]:
    """The first, the last, and each so-many-th between them; all of them in a thorough run."""
    if THOROUGH or not everything:
        return everything
    return [*everything[:-1:step], everything[-1]]


def times(thorough: int, usual: int) -> int:
    """How often."""
    return thorough if THOROUGH else usual
