"""Did you mean `x`?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

MOST_CANDIDATES = 500
"""How many words of similar length are compared; comparing is slow, and the message is no better for more."""


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, if any: case, `_` and `-` make no difference."""
    wanted = _plain(word)
    similar = ((_plain(name), name) for name in candidates if abs(len(name) - len(word)) <= 3)
    known = dict(islice(similar, MOST_CANDIDATES))
    found = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The question, with a space before it; empty when nothing is near."""
    found = nearest(word, candidates)
    return f" Did you mean `{found}`?" if found else ""


def listed(names: Iterable[str]) -> str:
    """Names for a sentence: `a`, `b` and `c`; all of them if few, else the first ones."""
    words = [f"`{name}`" for name in names]
    if len(words) > 12:
        return ", ".join(words[:12]) + f" and {len(words) - 12} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def shown(value: object) -> str:
    """A value for a sentence: on one line, and not too long."""
    return f"`{shortened(str(value), 40)}`"


def shortened(text: str, most: int) -> str:
    """Text on one line, cut to `most` characters."""
    line = " ".join(text[: 2 * most].split())
    return f"{line[: most - 1]}…" if len(line) > most or len(text) > 2 * most else line


def _plain(word: str) -> str:
    """What tells a word from others; a prefix such as `hw:` is common to many."""
    return word.casefold().rpartition(":")[2].replace("_", "").replace("-", "")
