"""Killing a command in front of or behind a call of the simulator, and comparing what two runs left on a host."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from reconciler_simulator.faults import VARIABLE
from reconciler_simulator.store import Store


def home(folder: Path) -> dict[str, str]:
    """The environment of commands that keep all that they know in a folder."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder), "LANG": "C.UTF-8"}


def host(folder: Path, fleet_id: str, name: str) -> Store:
    """The state of a simulated host, for commands with such an environment."""
    return Store(folder / "reconciler" / "simulator" / fleet_id / f"{name}.json")


def fault(call: str | int, point: str, kind: str) -> dict[str, str]:
    """The environment in which one call goes wrong."""
    return {VARIABLE: json.dumps({"faults": [{"call": call, "point": point, "kind": kind}]})}


def told_apart(calls: Iterable[str]) -> Iterator[str]:
    """Calls as faults know them: the second of a kind is `#2`."""
    times: Counter[str] = Counter()
    for call in calls:
        times[call] += 1
        yield f"{call} #{times[call]}"


def contents(store: Store) -> dict[str, Any]:
    """All that a host has, however it came about."""
    found: dict[str, Any] = msgspec.to_builtins(store.read().whole())
    return found


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In what one host is not as another."""
    left, right = dict(_leaves(found)), dict(_leaves(wanted))
    paths = sorted(path for path in left.keys() | right.keys() if left.get(path) != right.get(path))
    return [f"{path}: {left.get(path)!r} instead of {right.get(path)!r}" for path in paths]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict | list | tuple) and value:
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(each, f"{path}/{name}")
    else:
        yield path, value
