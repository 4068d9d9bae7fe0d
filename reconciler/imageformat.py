"""What an image file really is, read from its header and never guessed by QEMU.

A disk image can name other files: a qcow2's backing or data file, a VMDK's extents. QEMU would open them with its own
rights, so a stranger's image could read the host's secrets. Formats are therefore declared, and the file must be what
was declared, before anything else reads it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from reconciler.driver import DriverError, ErrorClass

# The findings are in the errors; without a handler of its own the library would write them to stderr as well.
logging.getLogger("oslo_utils").addHandler(logging.NullHandler())

_ALLOWED = {"qcow2": frozenset({"qcow2"}), "raw": frozenset({"raw", "gpt"})}
"""Formats that may be declared, and what a file declared so may be found to be: a raw disk has a partition table."""

_MAX_VIRTUAL_SIZE = 16 * 2**40


def inspect(path: Path, declared: str, named: str = "") -> int:
    """Check that a file is a self-contained image of the declared format, and return its virtual size in bytes.

    `named` is what people call the file, where that is not its path. Raises `DriverError` (yours) that says what is
    wrong with it.
    """
    name = named or str(path)
    # Late, since only runs that bring in an image need it; it loads a cryptography library.
    from oslo_utils.imageutils import format_inspector

    if declared not in _ALLOWED:
        raise _refused(name, f"format {declared!r} is none of {', '.join(sorted(_ALLOWED))}")
    try:
        inspector = format_inspector.detect_file_format(str(path))
        found = str(inspector)
        if inspector is None or found not in _ALLOWED[declared]:
            raise _refused(name, f"it is declared as {declared}, but its content is {found}; correct `format`")
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as problem:
        failures = "; ".join(sorted(str(failure) for failure in problem.failures.values()))
        raise _refused(name, f"{failures}; convert it to a self-contained {declared} file") from problem
    except (format_inspector.ImageFormatError, OSError) as problem:
        raise _refused(name, str(problem)) from problem
    return _sized(name, path.stat().st_size if declared == "raw" else inspector.virtual_size)


def _sized(name: str, size: int) -> int:
    if not 0 < size <= _MAX_VIRTUAL_SIZE:
        raise _refused(name, f"it claims to be a disk of {size} bytes; allowed are up to {_MAX_VIRTUAL_SIZE}")
    return size


def _refused(name: str, why: str) -> DriverError:
    return DriverError(ErrorClass.YOURS, f"image file {name} is refused: {why}")
