"""A process that holds a lock for another: `python holder.py FILE SILENCE WHO`.

It ends, and the kernel takes the lock back, when its standard input ends or brings nothing for SILENCE seconds, or when
FILE is no longer the file that it locked. What it is asked (`?`) it answers (`!`); anything else is a sign of life. WHO
it is for is written into FILE, for whoever is refused it. It imports next to nothing, so that it starts at once.
"""

import fcntl
import os
import select
import sys

HELD = 75
"""The exit status that says that another has the lock."""


def hold(path: str, silence: float, who: str) -> int:
    """Hold the lock for as long as somebody wants it; the exit status."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return HELD
    os.ftruncate(descriptor, 0)
    os.write(descriptor, os.fsencode(who))
    while select.select([0], [], [], silence)[0]:
        heard = os.read(0, 4096)
        if not heard or not _is_there(path, descriptor):
            break
        try:
            os.write(1, b"!" * heard.count(b"?"))
        except BrokenPipeError:  # whoever asked was killed before it heard
            break
    return 0


def _is_there(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116 - pathlib takes long to import
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
