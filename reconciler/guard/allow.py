"""Consent as people give it: `--allow IMPACT=ADDRESS`, `--allow delete=ADDRESS`, `--allow delete=COUNT`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from reconciler.address import Address
from reconciler.impact import Impact

CONSENTABLE = tuple(impact for impact in Impact if impact.needs_consent and impact is not Impact.REFUSED)
_INCLUDED = {
    Impact.INTERRUPT: frozenset({Impact.RESTART, Impact.REBUILD, Impact.REPLACE}),
    Impact.RESTART: frozenset({Impact.REBUILD, Impact.REPLACE}),
    Impact.REBUILD: frozenset({Impact.REPLACE}),
}
"""Who consents to a rebuild consents to the restart that it is. A migration is included in nothing."""


class Allow(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed beyond what needs no consent. `delete_count` is the exact number of deletions of the plan.
    `given` are the parts of it that others gave than who runs this, with words for who and where.
    """

    impacts: frozenset[tuple[Impact, Address]] = frozenset()
    deletes: frozenset[Address] = frozenset()
    delete_count: int | None = None
    given: tuple[tuple[Allow, str], ...] = ()

    def covers(self, impact: Impact, address: Address) -> bool:
        """Whether a change of that impact may be made to that address."""
        if not impact.needs_consent:
            return True
        enough = {impact, *_INCLUDED.get(impact, ())} - {Impact.REFUSED}
        return any((each, address) in self.impacts for each in enough)

    def with_given(self, given: Sequence[tuple[Allow, str]]) -> Allow:
        """This, and what others gave, the newest first. There is one number of deletions: that of who runs this, else
        the newest.
        """
        parts = [self, *(part for part, _ in given)]
        return Allow(
            impacts=frozenset(each for part in parts for each in part.impacts),
            deletes=frozenset(each for part in parts for each in part.deletes),
            delete_count=next((part.delete_count for part in parts if part.delete_count is not None), None),
            given=(*self.given, *given),
        )

    def givers(self, covering: Callable[[Allow], bool]) -> str:
        """Who gave it, of those who gave what is `covering`; empty when it was who runs this."""
        return ", ".join(dict.fromkeys(words for part, words in self.given if covering(part)))

    @property
    def own(self) -> frozenset[Address]:
        """The addresses that who runs this named."""
        return self.addresses - frozenset(address for part, _ in self.given for address in part.addresses)

    @property
    def addresses(self) -> frozenset[Address]:
        """Every address that is named."""
        return self.deletes | {address for _, address in self.impacts}


def words(impact: Impact, address: Address) -> str:
    """The option that gives consent."""
    return f"--allow {impact}={address}"


def parse_allow(texts: Iterable[str]) -> Allow:
    """Read the values of `--allow`; raises `ValueError` with a message for people."""
    impacts, deletes, counts = set(), set(), set()
    for text in texts:
        what, _, target = text.partition("=")
        if what == "delete" and target.isascii() and target.isdecimal():
            counts.add(int(target))
        elif what == "delete":
            deletes.add(_address(text, target))
        else:
            impacts.add((_impact(text, what), _address(text, target)))
    if len(counts) > 1:
        raise ValueError("delete=COUNT may be given once: it is the exact number of deletions of the plan")
    return Allow(impacts=frozenset(impacts), deletes=frozenset(deletes), delete_count=next(iter(counts), None))


def _impact(text: str, what: str) -> Impact:
    try:
        impact = Impact(what)
    except ValueError:
        impact = Impact.REFUSED
    if impact in CONSENTABLE:
        return impact
    if not impact.needs_consent:
        raise ValueError(f"{text!r}: {what} needs no consent")
    choice = ", ".join(CONSENTABLE)
    raise ValueError(f"{text!r} allows nothing; write IMPACT=ADDRESS with one of {choice}, or delete=ADDRESS|COUNT")


def _address(text: str, target: str) -> Address:
    try:
        return Address.parse(target)
    except ValueError as problem:
        raise ValueError(f"{text!r}: {problem}") from None
