"""Conversations with a controller: nobody waits for who does not read, who hangs, or who ends."""

from __future__ import annotations

import contextlib
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.serve.controls import Ending, Tell
from reconciler.serve.outbox import Outbox
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.client import HungUp, Silent, ask
from reconciler.serve.socket.place import bound, connect
from reconciler.serve.socket.places import MOST_AT_ONCE
from reconciler.serve.socket.protocol import ALIVE, AskEvents, AskStatus, End, Follow, Happened, Text, answer_of, asked
from reconciler.serve.socket.server import listening
from tests.support.controls import Remembering
from tests.support.hosts import until
from tests.support.talking import COMMIT, ME, desk, last, listeners, pass_on


def test_the_controller_never_waits_for_a_reader_that_does_not_read(tmp_path: Path) -> None:
    controls = Remembering()
    told = threading.Event()

    def tell_much(tell: Tell) -> None:
        for _ in range(2000):
            tell("x" * 10_000)
        told.set()

    controls.following = tell_much
    with desk(tmp_path / "s", controls) as path, connect(path) as connection:
        connection.sendall(asked(Follow(commit=COMMIT, by="")))
        assert told.wait(20), "the controller was held up"
        stream = connection.makefile("rb")
        heard = [answer_of(line) for line in iter(stream.readline, b"")]
    assert heard[-1] == End(code=0)
    left_out = [each.text for each in heard if isinstance(each, Text) and "left out" in each.text]
    missing = sum(int(text.split()[0].strip("(")) for text in left_out)
    assert missing > 0
    assert missing + len(heard) - len(left_out) - 1 == 2000


def test_a_follower_that_leaves_changes_nothing_for_the_run(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    done = threading.Event()

    def go_on(tell: Tell) -> None:
        for _ in range(100):
            tell("more\n")
        done.set()

    controls.following = go_on
    with desk(tmp_path / "s", controls) as path:
        with connect(path) as connection:
            connection.sendall(asked(Follow(commit=COMMIT, by="")))
            assert connection.makefile("rb").readline() == b'{"type":"text","text":"begun\\n"}\n'
        controls.going.set()
        assert done.wait(20)
        assert last(ask(path, AskStatus(), 20)).code == 0


def test_events_come_as_they_happen_each_once_and_in_order(tmp_path: Path) -> None:
    controls = Remembering()
    for number in range(5):
        controls.journal.tell("Before", str(number))
    with desk(tmp_path / "s", controls) as path:
        answers = ask(path, AskEvents(after=2, follow=True), 20)
        heard = [next(answers) for _ in range(3)]
        for number in range(5, 8):
            controls.journal.tell("After", str(number))
        heard += [next(answers) for _ in range(3)]
        numbers = [each.entry.number for each in heard if isinstance(each, Happened)]
        assert numbers == [3, 4, 5, 6, 7, 8]
        answers.close()
        until(lambda: listeners(controls) == 0, 20, "the one who followed to be forgotten")


def test_a_controller_that_takes_no_connection_is_waited_for_so_long_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with bound(path), ExitStack() as waiting:
        with contextlib.suppress(TimeoutError):
            for _ in range(MOST_AT_ONCE):
                waiting.enter_context(connect(path, 0.0))
        with pytest.raises(TimeoutError, match="it is stopped, or hangs"):
            connect(path, 0.1)


def test_a_controller_that_works_gives_signs_of_life_that_nobody_is_shown(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    answering = Answering(controls, pass_on).answer
    with listening(tmp_path / "s", answering, sign_of_life=0.05), connect(tmp_path / "s") as connection:
        connection.settimeout(20)
        connection.sendall(asked(Follow(commit=COMMIT, by="")))
        stream = connection.makefile("rb")
        assert [answer_of(stream.readline()) for _ in range(3)] == [Text(text="begun\n"), ALIVE, ALIVE]
        shown = ask(tmp_path / "s", Follow(commit=COMMIT, by=""), 20)
        assert next(shown) == Text(text="begun\n")
        assert answer_of(stream.readline()) == ALIVE
        controls.going.set()
        assert list(shown) == [End(code=0)]


def test_a_controller_that_works_for_ever_is_given_up(tmp_path: Path) -> None:
    controls = Remembering()
    controls.going.clear()
    with listening(tmp_path / "s", Answering(controls, pass_on).answer, sign_of_life=0.05):
        with pytest.raises(HungUp, match="too long"):
            list(ask(tmp_path / "s", Follow(commit=COMMIT, by=""), 20, longest=0.2))
        controls.going.set()


def test_a_controller_that_gives_no_sign_of_life_is_given_up_and_named(tmp_path: Path) -> None:
    named = rf"\(process {os.getpid()} of {ME}\) has given no sign of life"
    with bound(tmp_path / "s"), pytest.raises(Silent, match=named) as silent:
        list(ask(tmp_path / "s", AskStatus(), 0.1))
    assert f"kill -CONT {os.getpid()}" in silent.value.do


def test_a_controller_whose_work_hangs_gives_no_sign_of_life(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    answering = Answering(controls, pass_on).answer
    with listening(tmp_path / "s", answering, sign_of_life=0.02, dead=lambda: "it has not moved"):
        answers = ask(tmp_path / "s", Follow(commit=COMMIT, by=""), 0.5)
        assert next(answers) == Text(text="begun\n")
        with pytest.raises(Silent):
            next(answers)
        controls.going.set()


def test_a_controller_that_ends_tells_what_was_said_and_hangs_up(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    with desk(tmp_path / "s", controls) as path:
        answers = ask(path, Follow(commit=COMMIT, by=""), 20)
        assert next(answers) == Text(text="begun\n")
    with pytest.raises(HungUp):
        next(answers)
    controls.going.set()


def test_a_controller_about_to_end_takes_no_follower_and_gives_no_last_word(tmp_path: Path) -> None:
    controls = Remembering()
    controls.ending = Ending()
    with desk(tmp_path / "s", controls) as path, pytest.raises(HungUp):
        list(ask(path, Follow(commit=COMMIT, by=""), 20))


def test_one_who_follows_a_controller_that_is_told_to_end_learns_that_another_one_is_to_be_asked(
    tmp_path: Path,
) -> None:
    controls = Remembering()
    controls.ending = Ending(stopped=True)
    with desk(tmp_path / "s", controls) as path:
        assert list(ask(path, Follow(commit=COMMIT, by=""), 20)) == [End(code=1, stopped=True)]


def test_an_outbox_has_room_for_one_message_of_any_size_and_for_the_last() -> None:
    outbox = Outbox(lambda number: b"%d missing" % number, most=10)
    for message in (b"x" * 100, b"lost", b"lost"):
        outbox.put(message)
    assert outbox.take(0) == b"x" * 100
    outbox.put(b"later")
    outbox.put(b"y" * 9)
    outbox.close(b"end")
    outbox.put(b"after the end")
    assert list(iter(lambda: outbox.take(0), None)) == [b"2 missing", b"later", b"1 missing", b"end"]
