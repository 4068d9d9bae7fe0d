"""Sizes as people write them: `512Mi`, `4Gi`."""

from __future__ import annotations

import functools
import re

UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
PATTERN = r"^[1-9][0-9]{0,8}(Ki|Mi|Gi|Ti)$(?!\n)"
_SIZE = re.compile(PATTERN)


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> int:
    """The bytes that `text` says; raises `ValueError` when it is no size."""
    if _SIZE.match(text) is None:
        raise ValueError(f"{text!r} is no size; write a whole number and Ki, Mi, Gi or Ti, such as 512Mi or 4Gi")
    return int(text[:-2]) * UNITS[text[-2:]]


def render(size: int) -> str:
    """Bytes in the largest unit that keeps them whole: 1073741824 is `1Gi`."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if size and size % UNITS[unit] == 0:
            return f"{size // UNITS[unit]}{unit}"
    return f"{size}B"
