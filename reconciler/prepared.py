"""Types that several threads decode: made ready before there are several.

msgspec works a type's fields out when it is first decoded, and ends the process with a segmentation fault when two
threads begin that at once (seen with 0.22.0: one plan of ten hosts in thirty).
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=type[msgspec.Struct])


def prepared(struct: T) -> T:
    """Decorate a type so that it is ready once it is imported, together with all that it holds."""
    msgspec.json.Decoder(struct)
    return struct
