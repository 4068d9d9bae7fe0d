"""Data for programs: JSON and YAML."""

from __future__ import annotations

import json
import re

_COMMAND = re.compile(r"##(\w*)\[")


def dump(value: object) -> str:
    """JSON that is harmless on a terminal, in any encoding, and in a runner's log: all but printable ASCII is escaped,
    and so is a bracket with which a runner would read a command in the midst of a line.
    """
    return _COMMAND.sub(r"##\1\\u005b", json.dumps(value, indent=2, ensure_ascii=True)) + "\n"


def dump_yaml(value: object) -> str:
    """The same as YAML, as harmless."""
    import yaml

    text: str = yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=False, width=110)
    return text


def dumped(value: object, output: str) -> str:
    """As `json` or `yaml`."""
    return dump_yaml(value) if output == "yaml" else dump(value)
