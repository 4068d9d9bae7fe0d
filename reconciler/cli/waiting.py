"""Entering what takes its time: on a terminal it is said what is being waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

from reconciler.report.screen import Screen

T = TypeVar("T")


@contextmanager
def looking(screen: Screen, context: AbstractContextManager[T]) -> Iterator[T]:
    """Enter a context that observes the hosts."""
    with ExitStack() as stack:
        with screen.working("looking at the hosts"):
            entered = stack.enter_context(context)
        yield entered
