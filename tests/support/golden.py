"""Golden files: what an output was the last time that a person read it."""

from __future__ import annotations

import difflib
from pathlib import Path

import msgspec


class Golden(msgspec.Struct, frozen=True):
    """Compares with files, or writes them when the run was told `--update-golden`. A missing file is a failure."""

    update: bool

    def check(self, path: Path, actual: str) -> None:
        """Fails unless the file at `path` holds exactly `actual`."""
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8")
            return
        assert path.exists(), f"{path} is missing; make it with --update-golden, then read it"
        expected = path.read_text(encoding="utf-8")
        lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "golden", "actual", lineterm="")
        assert expected == actual, "\n".join([f"{path} differs; --update-golden rewrites it", *lines])
