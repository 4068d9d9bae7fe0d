"""Data for programs: JSON and YAML."""

from __future__ import annotations

import json


def dump(value: object) -> str:
    """JSON that is harmless on a terminal and in any encoding: all but printable ASCII is escaped."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def dump_yaml(value: object) -> str:
    """The same as YAML, as harmless."""
    import yaml

    text: str = yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=False, width=110)
    return text


def dumped(value: object, output: str) -> str:
    """As `json` or `yaml`."""
    return dump_yaml(value) if output == "yaml" else dump(value)
