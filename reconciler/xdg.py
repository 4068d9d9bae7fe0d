"""Where the files of a user belong, by the XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path


def config_home() -> Path:
    """For configuration."""
    return _home("XDG_CONFIG_HOME", ".config")


def state_home() -> Path:
    """For what should outlive a restart."""
    return _home("XDG_STATE_HOME", ".local/state")


def cache_home() -> Path:
    """For what can be had again."""
    return _home("XDG_CACHE_HOME", ".cache")


def _home(variable: str, default: str) -> Path:
    """The specification has relative paths ignored."""
    chosen = Path(os.environ.get(variable, ""))
    return chosen if chosen.is_absolute() else Path.home() / default
