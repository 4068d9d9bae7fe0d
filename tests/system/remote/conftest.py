"""A repository behind a forge that behaves, or does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.git_server import GitServer, certificates
from tests.support.repository import Repository


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of the forge, and of who issued them."""
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """What it serves."""
    made = Repository(tmp_path / "served" / "fleet")
    made.git("config", "http.receivepack", "true")
    return made


@pytest.fixture
def server(
    tmp_path: Path, repository: Repository, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GitServer]:
    """The forge."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(keyring / "cacert.pem"))
    server = GitServer(repository.path.parent, keyring)
    yield server
    server.close()
