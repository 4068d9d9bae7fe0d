"""Wrong usage is told before anything is looked at, with exit code 64."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from reconciler.cli.program import COMMANDS, run


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["aply"], "There is no command 'aply'. Did you mean `apply`?"),
        (["plan", "--bogus"], "No such option"),
        (["keypair"], "Commands:\n  generate"),
        (["suspend", "flet"], "Did you mean `fleet`?"),
        (["suspend", "web-1"], "is not `fleet`, nor an address (KIND/NAME or KIND/PROJECT/NAME).\n"),
        (["resume", "HEAD"], ", nor a commit (7 to 40 hex digits).\n"),
        (["plan", "extra"], "unexpected extra argument"),
        (["get", "Instanse/web"], "Did you mean `Instance`?"),
        (["get", "nothing"], "write KIND/NAME or KIND/PROJECT/NAME"),
        (["describe", "Flavor/shop/small"], "a Flavor belongs to no project; write Flavor/small"),
        (["describe", "Instance/Web"], "is no address"),
        (["plan", "--target", "web"], "is no address"),
        (["plan", "--allow", "restart"], "allows nothing"),
        (["plan", "--allow", "live=Instance/web"], "needs no consent"),
        (["plan", "-o", "yaml"], "'yaml' is not one of 'text', 'json'"),
        (["schema", "nope"], "there is no kind 'nope'"),
        (["keypair", "generate", "Not_A_Name"], "a name has up to 63"),
        (["ssh", "Network/shop/lan"], "is no instance"),
        (["get", "-l", "=x"], "is no label"),
        (["get", "-o", "text"], "'text' is not one of"),
        (["graph", "Instanse/web"], "Did you mean `Instance`?"),
        (["explain", "instanze"], "Did you mean `Instance`?"),
        (["explain", "unknown-feild"], "Did you mean `unknown-field`?"),
        (["explain", "Instance.netwroks"], "Did you mean `networks`?"),
        (["fmt", "missing.yaml"], "does not exist"),
        (["keypair", "show", "Flavor/a/b"], "a Flavor belongs to no project"),
    ],
)
def test_wrong_usage_is_told_with_its_remedy(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 64
    captured = capsys.readouterr()
    assert told in captured.err
    assert "--help" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("words", [["observe", "--publish"], ["hooks", "install", "--branch"]])
def test_of_an_option_without_its_value_the_help_of_its_command_is_named(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 64
    assert f"`reconciler {' '.join(words[:-1])} --help` shows" in capsys.readouterr().err


def test_what_was_typed_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["\x1b]52;c;AAAA\x07"]) == 64
    assert "\x1b" not in capsys.readouterr().err


KEYPAIR = [["keypair", name] for name in ("generate", "list", "show")]
HOOKS = [["hooks", "install"]]


@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS), *KEYPAIR, *HOOKS])
def test_every_command_has_a_help_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"  reconciler {' '.join(command)}".rstrip() in shown or command == ["keypair"]


def test_listing_the_commands_imports_none_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{command}  " in shown and text in shown for command, text in COMMANDS.items())
