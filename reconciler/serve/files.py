"""The files of the commit that is in force, for drivers that stay open while commits come and go."""

from __future__ import annotations

from pathlib import Path

from reconciler.files import FleetFiles


class LatestFiles:
    """Implements `driver.Files` with those of the newest commit."""

    def __init__(self) -> None:
        self._files: FleetFiles | None = None

    def use(self, files: FleetFiles | None) -> None:
        """Hand out these from now on; what was taken out of the commit before goes."""
        before, self._files = self._files, files
        if before is not None:
            before.__exit__()

    def fetch(self, source: str, sha256: str) -> Path:
        """A local file with that content; raises `DriverError`."""
        return self._now.fetch(source, sha256)

    def secret(self, name: str) -> str:
        """A secret of the trusted configuration, resolved now; raises `DriverError`."""
        return self._now.secret(name)

    @property
    def _now(self) -> FleetFiles:
        assert self._files is not None, "drivers are opened for a commit"
        return self._files
