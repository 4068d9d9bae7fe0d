"""A hint that a reference may have moved, from the kernel.

It is no more than a hint: events get lost when there are many, and a folder that is made anew is not watched. What
counts is that the branch is looked at now and then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

_WRITTEN = frozenset({"created", "moved", "modified", "deleted"})
"""Opening and reading are events too, and looking is just that: it would wake itself."""


@contextmanager
def watching(folder: Path, name: str, hint: Callable[[], None]) -> Iterator[None]:
    """Call `hint` when the reference `name` of a repository's `folder` may have moved.

    Only the folders on the way to it are watched, never all of `refs`: whoever may push can make any number of them.
    """
    from watchdog.events import FileSystemEventHandler
    from watchdog.observers import Observer

    parts = name.split("/")
    paths = {str(folder / "packed-refs"), *(str(folder.joinpath(*parts[: n + 1])) for n in range(len(parts)))}

    class Heard(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type not in _WRITTEN or (event.is_directory and event.event_type == "modified"):
                return  # a folder is modified by any other branch in it
            if paths & {os.fsdecode(event.src_path), os.fsdecode(event.dest_path)}:
                hint()

    observer = Observer()
    for place in (folder, *(folder.joinpath(*parts[:n]) for n in range(1, len(parts)))):
        if place.is_dir():
            observer.schedule(Heard(), str(place), recursive=False)
    with suppress(OSError):  # the machine has no watches left; it is looked at anyway
        observer.start()
    try:
        yield
    finally:
        alive = observer.is_alive()
        observer.stop()
        if alive:
            observer.join()
