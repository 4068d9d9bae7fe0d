"""Sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import quantity


@given(st.integers(1, 10**9 - 1), st.sampled_from(sorted(quantity.UNITS)))
def test_a_size_is_what_it_was_after_it_was_shown(number: int, unit: str) -> None:
    size = quantity.parse(f"{number}{unit}")
    assert size == number * quantity.UNITS[unit]
    assert quantity.parse(quantity.render(size)) == size


@pytest.mark.parametrize(
    "text", ["", "512", "512M", "512MB", "0Mi", "01Mi", "-1Mi", "1.5Gi", "1 Gi", "1Gi\n", "\u0661Gi", "1gi"]
)
def test_what_is_no_size_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match="such as 512Mi"):
        quantity.parse(text)


def test_a_size_is_shown_in_the_largest_unit_that_keeps_it_whole() -> None:
    assert [quantity.render(size) for size in (1 << 30, 1536 << 20, 1 << 10, 1000, 0)] == [
        "1Gi",
        "1536Mi",
        "1Ki",
        "1000B",
        "0B",
    ]
