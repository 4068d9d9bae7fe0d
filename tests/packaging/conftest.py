"""What the tests of the package share: the wheel, and an environment in which it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.wheel import Clean, built


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return built(root, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    """An environment with the wheel and exactly what it declares."""
    return Clean(tmp_path_factory.mktemp("clean"), wheel)
