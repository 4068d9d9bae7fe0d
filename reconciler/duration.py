"""Durations as manifests write them: `90s`, `5m`, `1h`."""

PATTERN = r"^[1-9][0-9]{0,5}[smh]$(?!\n)"

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse(text: str) -> int:
    """Seconds; `text` must match `PATTERN`."""
    return int(text[:-1]) * _SECONDS[text[-1]]
