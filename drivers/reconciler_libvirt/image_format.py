"""What a disk image really is, looked at before anything else sees it.

A qcow2 header can name other files of the host (backing file, data file), which QEMU would open; so the safety check
that Nova and Glance use runs first, and only what was declared is accepted.
"""

from __future__ import annotations

from pathlib import Path

from oslo_utils.imageutils import format_inspector

from reconciler.driver import DriverError, ErrorClass

_RAW = frozenset({"raw", "gpt"})
"""A partitioned raw disk is reported as `gpt`."""


def check(path: Path, declared: str) -> None:
    """Raises `DriverError` (yours) unless the file has the declared format and refers to no other file."""
    try:
        found = format_inspector.detect_file_format(str(path))
        found_format = "raw" if found is None or str(found) in _RAW else str(found)
        if found is not None:
            found.safety_check()
    except format_inspector.ImageFormatError as error:
        raise _refusal(path, f"its format is ambiguous: {error}") from None
    except format_inspector.SafetyCheckFailed as error:
        raise _refusal(path, "; ".join(f"{name}: {why}" for name, why in error.failures.items())) from None
    if found_format != declared:
        raise _refusal(path, f"it is {found_format}, and the manifest says {declared}")


def _refusal(path: Path, why: str) -> DriverError:
    return DriverError(ErrorClass.YOURS, f"the image file {path.name} is refused: {why}")
