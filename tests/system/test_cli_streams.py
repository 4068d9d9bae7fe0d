"""Commands that only look, on streams that say ASCII alone, that end early, or that are terminals without colour."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.support.command import Desk

PLAIN: dict[str, Any] = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOOKS = [
    ["explain"],
    ["explain", "Instance"],
    ["explain", "codes"],
    ["graph"],
    ["graph", "-o", "mermaid"],
    ["observe", "--fields"],
    ["get", "-o", "wide"],
    ["keypair", "list"],
    ["fmt", "--diff"],
]
DISORDER = """\
# größer → kleiner
kind: Flavor
apiVersion: reconciler/v1
metadata: {name: big}
spec: {disk: 1Gi, vcpus: 1, memory: 1Gi}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    assert desk.init().code == 0
    (desk.repo / "big.yaml").write_text(DISORDER, encoding="utf-8")
    desk.commit("First fleet")
    assert desk.run("apply").code == 0
    return desk


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_a_stream_that_knows_ascii_alone_gets_ascii(desk: Desk, command: list[str]) -> None:
    ran = desk.run(*command, **PLAIN)
    assert (ran.code, ran.err.partition("error")[1]) == (0, "")
    assert ran.out
    assert ran.out.isascii()


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_a_terminal_without_colour_gets_none(desk: Desk, command: list[str]) -> None:
    session = desk.start(*command, terminal=True, TERM="xterm-256color", NO_COLOR="1")
    assert session.end() == 0
    assert session.text
    assert "\x1b" not in session.text


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_a_reader_that_leaves_is_no_error(desk: Desk, command: list[str]) -> None:
    arguments = [sys.executable, "-m", "reconciler", *command]
    with subprocess.Popen(
        arguments, cwd=desk.repo, env=desk.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait(timeout=60) == 0, told
    assert "Traceback" not in told
    assert "Broken pipe" not in told


@pytest.mark.parametrize("command", [["plan"], ["serve", "--until-idle"]], ids=" ".join)
def test_streams_that_are_closed_end_nothing(desk: Desk, command: list[str]) -> None:
    """As of a program that somebody starts in the background, and means to hear nothing of (T61)."""
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "reconciler", *command]
    assert subprocess.run(closed, cwd=desk.repo, env=desk.environment, check=False, timeout=60).returncode == 0


def test_quiet_leaves_data_alone(desk: Desk) -> None:
    assert desk.run("explain").err != ""
    quiet = desk.run("explain", "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
    assert quiet.out == desk.run("explain").out


def test_nothing_on_a_host_can_act_on_a_terminal(desk: Desk) -> None:
    desk.by_hand("plant", "domain", "evil\x1b[2J")
    ran = desk.run("observe")
    assert "\x1b" not in ran.out
    assert "evil\\x1b[2J" in ran.out
