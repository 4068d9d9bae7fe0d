"""The places at a controller's socket: nobody takes those of others, and who left has none."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from reconciler.serve.socket.client import HungUp, ask
from reconciler.serve.socket.peer import Peer
from reconciler.serve.socket.place import bound, connect
from reconciler.serve.socket.places import KEPT, MOST_AT_ONCE, MOST_OF_A_USER, Places
from reconciler.serve.socket.protocol import AskEvents, AskStatus, End, Follow, answer_of, answered, asked
from tests.support.controls import Remembering
from tests.support.hosts import until
from tests.support.talking import COMMIT, desk, last, listeners


def test_more_than_fit_are_turned_away_and_told_so(tmp_path: Path) -> None:
    controls = Remembering()
    controls.going.clear()
    with desk(tmp_path / "s", controls) as path:
        waiting = [connect(path) for _ in range(MOST_AT_ONCE)]
        for each in waiting:
            each.sendall(asked(Follow(commit=COMMIT, by="")))
        until(lambda: len(controls.asked) == MOST_AT_ONCE, 20, "all to be heard")
        with connect(path) as late:
            end = answer_of(late.makefile("rb").readline())
        assert end == End(code=1, message="too many are asking at once; try again in a moment")
        controls.going.set()
        for each in waiting:
            assert answer_of(each.makefile("rb").readlines()[-1]) == End(code=0)
            each.close()


def test_one_user_cannot_hold_all_places_and_gets_a_place_again_when_one_is_left() -> None:
    places, greedy = Places(), Peer(os.geteuid() + 1)
    assert [places.take(greedy) for _ in range(MOST_OF_A_USER)] == [""] * MOST_OF_A_USER
    assert "at once" in places.take(greedy)
    assert places.take(Peer(os.geteuid() + 2)) == ""
    places.leave(greedy)
    assert places.take(greedy) == ""
    assert "at once" in places.take(greedy)


def test_all_other_users_together_leave_places_to_root_and_to_the_controllers_own_user() -> None:
    places = Places()
    others = [Peer(os.geteuid() + 1 + number % 10) for number in range(MOST_AT_ONCE)]
    assert [places.take(each) for each in others].count("") == MOST_AT_ONCE - KEPT
    ours = [places.take(Peer(uid)) for uid in (0, os.geteuid()) for _ in range(KEPT // 2)]
    assert ours == [""] * KEPT
    assert "too many" in places.take(Peer(0))
    assert "too many" in places.take(Peer(os.geteuid()))


def test_one_who_leaves_without_having_read_is_forgotten_and_so_is_their_place(tmp_path: Path) -> None:
    controls = Remembering()
    for _ in range(1000):
        controls.journal.tell("Before", "x" * 1000)
    before = threading.active_count()
    with desk(tmp_path / "s", controls) as path:
        for _ in range(3):
            with connect(path) as connection:
                connection.sendall(asked(AskEvents(follow=True)))
                assert connection.recv(1)
        until(lambda: listeners(controls) == 0, 20, "those who followed to be forgotten")
        until(lambda: threading.active_count() == before + 1, 20, "their threads to end")


def test_where_no_thread_can_be_had_one_who_asks_is_hung_up_on_and_the_next_is_answered(tmp_path: Path) -> None:
    with desk(tmp_path / "s", Remembering()) as path:
        assert last(ask(path, AskStatus(), 20)).code == 0
        usual = threading.stack_size(1 << 46)  # more than there is
        try:
            for _ in range(MOST_AT_ONCE + 1):
                with pytest.raises(HungUp):
                    list(ask(path, AskStatus(), 20))
        finally:
            threading.stack_size(usual)
        assert last(ask(path, AskStatus(), 20)).code == 0


def test_one_who_is_turned_away_before_they_could_ask_hears_why(tmp_path: Path) -> None:
    """As where there is no place: the other end has said so, and closed, before the question came."""
    with bound(tmp_path / "s") as server:
        answers = ask(tmp_path / "s", AskStatus(), 20)
        turning = threading.Thread(target=_turn_away, args=(server,))
        turning.start()
        assert list(answers) == [End(code=1, message="full")]
        turning.join()


def _turn_away(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.sendall(answered(End(code=1, message="full")))
    connection.close()
