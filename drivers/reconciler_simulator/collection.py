"""Things by name, that know who refers to what and what changed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar

V = TypeVar("V")


def no_words(name: str, thing: object) -> Iterable[str]:
    """Words of things that nobody looks for."""
    return ()


class Things(MutableMapping[str, V]):
    """Things by name. `words` are what one is to be found by, so that a question such as "who uses this volume" costs
    the same on a host with ten thousand guests. They are gathered when the first question is asked: who only goes
    through all things, or takes up a long journal, has no use for them.

    What changes is remembered with what was there before, until it is either kept or taken back.
    """

    def __init__(self, words: Callable[[str, V], Iterable[str]] = no_words) -> None:
        self._things: dict[str, V] = {}
        self._words = words
        self._names: dict[str, set[str]] | None = None
        self._before: dict[str, V | None] = {}

    def __getitem__(self, name: str) -> V:
        return self._things[name]

    def __setitem__(self, name: str, thing: V) -> None:
        self._before.setdefault(name, self._things.get(name))
        self._put(name, thing)

    def __delitem__(self, name: str) -> None:
        self._before.setdefault(name, self._things[name])
        self._put(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def __repr__(self) -> str:
        return repr(self._things)

    def _put(self, name: str, thing: V | None) -> None:
        known = self._things.pop(name, None) if thing is None else self._things.get(name)
        if thing is not None:
            self._things[name] = thing
        if self._names is not None:
            for word in self._words(name, known) if known is not None else ():
                self._names[word].discard(name)
            for word in self._words(name, thing) if thing is not None else ():
                self._names.setdefault(word, set()).add(name)

    def _by_word(self) -> dict[str, set[str]]:
        """The names of the things that have each word."""
        if self._names is None:
            self._names = {}
            for name, thing in self._things.items():
                for word in self._words(name, thing):
                    self._names.setdefault(word, set()).add(name)
        return self._names

    def having(self, word: str) -> list[str]:
        """The names of the things that have a word, in order."""
        return sorted(self._by_word().get(word, ()))

    def known(self, word: str) -> bool:
        """Whether anything has a word."""
        return bool(self._by_word().get(word))

    def changes(self) -> dict[str, V | None]:
        """What changed, by name: what it is now, None when it is gone."""
        return {name: self._things.get(name) for name in self._before}

    def keep(self) -> None:
        """What changed is how it is."""
        self._before.clear()

    def take_back(self) -> None:
        """Nothing has changed after all."""
        for name, thing in self._before.items():
            self._put(name, thing)
        self._before.clear()

    def accept(self, changes: Mapping[str, V | None]) -> None:
        """Take over changes that somebody else has made."""
        for name, thing in changes.items():
            self._put(name, thing)
