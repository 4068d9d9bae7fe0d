"""Data for programs: JSON and YAML."""

from __future__ import annotations

import json
import re

_COMMAND = re.compile(r"##(\w*)\[")
_ACTING = re.compile(r"##\w*\[|::|[\r\n]")
_NEVER = (1 << 31) - 1
"""Columns after which a line is folded."""


def dump(value: object) -> str:
    """JSON that is harmless on a terminal, in any encoding, and in a runner's log: all but printable ASCII is escaped,
    and so is a bracket with which a runner would read a command in the midst of a line.
    """
    return _COMMAND.sub(r"##\1\\u005b", json.dumps(value, indent=2, ensure_ascii=True)) + "\n"


def dump_yaml(value: object) -> str:
    """The same as YAML, as harmless: what a runner could take for a command is quoted, and no line is folded, so that
    none begins in the midst of a text.
    """
    import yaml

    class Dumper(yaml.CSafeDumper):
        pass

    def quoted(dumper: Dumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _ACTING.search(text) else None)

    Dumper.add_representer(str, quoted)
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=False, width=_NEVER)
    return _COMMAND.sub(r"##\1\\x5b", text)


def dumped(value: object, output: str) -> str:
    """As `json` or `yaml`."""
    return dump_yaml(value) if output == "yaml" else dump(value)
