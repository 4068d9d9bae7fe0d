"""Hosts elsewhere, reached by ssh and by TLS: the same driver, on a real ssh server and a daemon that listens."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from reconciler.address import Address
from reconciler.driver import Driver, DriverError, ErrorClass, HostConfig, Notice
from reconciler.observation import Complete
from reconciler_libvirt import DRIVER
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.driver import LibvirtDriver
from tests.support.contract import WEB, manifest
from tests.support.guests import BOOT_SECONDS, Keys
from tests.support.hosts import Host, until
from tests.support.libvirt_bench import LibvirtBench, bench
from tests.support.remote import Remote, by_ssh, by_tls
from tests.support.rig import Rig

pytestmark = pytest.mark.libvirtd


@pytest.fixture(scope="module")
def ssh_host(libvirt_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with by_ssh(libvirt_host, tmp_path_factory.mktemp("ssh")) as remote:
        yield remote


@pytest.fixture(scope="module")
def tls_host(libvirt_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder = tmp_path_factory.mktemp("tls")
    for parent in (folder, folder.parent):
        parent.chmod(0o755)
    with by_tls(libvirt_host, folder) as remote:
        yield remote


@pytest.fixture
def clean(request: pytest.FixtureRequest) -> Iterator[LibvirtBench]:
    with bench(request) as made:
        yield made


def leading(clean: LibvirtBench, connection: dict[str, Any]) -> HostConfig:
    """The bench's host, reached another way."""
    kept = {name: value for name, value in clean.config.connection.items() if name in ("pool", "stop_deadline")}
    return replace(clean.config, connection=kept | connection)


def refusal(clean: LibvirtBench, connection: dict[str, Any]) -> str:
    """Why a host cannot be opened."""
    with pytest.raises(DriverError) as refused:
        DRIVER.open(leading(clean, connection), clean.files)
    assert refused.value.error_class is not ErrorClass.TRANSIENT
    return str(refused.value)


def works(clean: LibvirtBench, connection: dict[str, Any]) -> None:
    """Everything of a guest is made, seen, found unchanged, and heard of."""
    clean.config = leading(clean, connection)
    rig = Rig(clean)
    wanted = rig.scene()
    rig.make(wanted.values())
    snapshot = rig.driver.observe()
    assert snapshot.status == Complete()
    assert {str(each.key.address) for each in snapshot.objects} == set(wanted)
    assert all(check[0] for check in rig.driver.doctor() if "kvm" not in check[1])
    heard: list[Notice] = []
    assert rig.driver.watch(heard.append)
    clean.stop_guest(rig.name(WEB))
    until(lambda: Address.parse(WEB) in [notice.address for notice in heard], 20, "the end of the guest to be heard")
    rig.driver.close()


def is_free(driver: Driver) -> bool:
    """Whether the host's lock can be had."""
    try:
        with driver.lock():
            return True
    except DriverError as error:
        return error.error_class is not ErrorClass.HELD


def channel_of(driver: Driver) -> Channel:
    """How the driver runs commands on its host."""
    assert isinstance(driver, LibvirtDriver)
    return driver._site.channel


def connection_of(channel: Channel) -> int:
    """The process that keeps the connection by ssh."""
    assert channel.tunnel is not None
    assert channel.tunnel._master is not None
    return channel.tunnel._master.pid


def folders() -> set[Path]:
    """What ssh connections of ours have on this machine."""
    return set(Path("/tmp").glob("reconciler-ssh-*"))


def test_a_guest_is_made_through_ssh_alone(clean: LibvirtBench, ssh_host: Remote) -> None:
    before = folders()
    works(clean, ssh_host.connection)
    assert folders() == before, "nothing is left behind"


def test_a_guest_is_made_through_tls_with_a_host_channel_by_ssh(
    clean: LibvirtBench, ssh_host: Remote, tls_host: Remote
) -> None:
    ssh = {"host": "127.0.0.1", "port": ssh_host.door.port, **ssh_host.connection["ssh"]}
    works(clean, {**tls_host.connection, "channel": {"ssh": ssh}})


def test_a_guest_behind_its_host_is_looked_at_and_logged_in_to_through_it(
    clean: LibvirtBench, ssh_host: Remote, keys: Keys
) -> None:
    made = Rig(clean)
    made.make(made.scene(manifest("Keypair", "mine", publicKey=keys.public), keypairs=["mine"]).values())
    made.driver.close()
    entered(clean, clean.host.connection, keys)
    entered(clean, ssh_host.connection, keys)
    entered(clean, {**ssh_host.connection, "channel": {"prefix": ["env", "A=b c"]}}, keys)


def entered(clean: LibvirtBench, connection: dict[str, Any], keys: Keys) -> None:
    """Whoever reaches the host so, reaches its guest."""
    guest = Address.parse(WEB)
    with contextlib.closing(DRIVER.open(leading(clean, connection), clean.files)) as driver:
        until(lambda: not driver.ready(guest, "tcp:22"), BOOT_SECONDS, "the guest to answer")
        proxy, console = driver.proxy(), driver.console(guest)
    options = [*OPTIONS, f"ProxyCommand={shlex.join(proxy)}", f"IdentityFile={keys.private}"]
    line = ["ssh", *[part for option in options for part in ("-o", option)], f"root@{clean.subnet()}.10", "hostname"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, "web\n"), done.stderr
    assert "console" in console[-1 if "ssh" in connection else -2], "ssh takes all words as one"


OPTIONS = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes")


def test_words_reach_a_command_behind_ssh_as_they_are(clean: LibvirtBench, ssh_host: Remote) -> None:
    driver = DRIVER.open(leading(clean, ssh_host.connection), clean.files)
    channel = channel_of(driver)
    odd = ["two words", "$HOME", "`id`", "a'b\"c", "*", ";exit 3", "", "-n", "\\", "ä\n"]
    assert channel.run("printf", "%s|", *odd) == "".join(f"{word}|" for word in odd)
    driver.close()


def test_the_lock_is_held_through_ssh_and_goes_with_the_connection(clean: LibvirtBench, ssh_host: Remote) -> None:
    first, second = (DRIVER.open(leading(clean, ssh_host.connection), clean.files) for _ in range(2))
    heard: list[Notice] = []
    assert second.watch(heard.append)
    with first.lock() as lease:
        lease.check()
        with pytest.raises(DriverError) as held, second.lock():
            pass
        assert held.value.error_class is ErrorClass.HELD
        ssh_host.door.cut()
        with pytest.raises(DriverError, match="lost"):
            lease.check()
    until(lambda: any(notice.lost for notice in heard), 20, "the loss of the connection to be heard")

    until(lambda: is_free(second), 20, "the lock to go with its holder's connection")
    assert second.observe().status == Complete(), "a connection that was lost is made again"
    first.close()
    second.close()


def test_the_lock_goes_when_nothing_is_heard_of_its_holder_any_more(clean: LibvirtBench, ssh_host: Remote) -> None:
    first, second = (DRIVER.open(leading(clean, ssh_host.connection), clean.files) for _ in range(2))
    channel = channel_of(first)
    with channel.lock(silence=2.0) as lease:
        lease.check()
        os.killpg(connection_of(channel), signal.SIGSTOP)
        until(lambda: is_free(second), 20, "the lock to go, though the connection stands")
        os.killpg(connection_of(channel), signal.SIGCONT)
        with pytest.raises(DriverError, match="lost"):
            lease.check()
    first.close()
    second.close()


def test_a_killed_run_leaves_no_lock_no_connection_and_no_file(clean: LibvirtBench, ssh_host: Remote) -> None:
    before, config = folders(), leading(clean, ssh_host.connection)
    command = [sys.executable, "-m", "tests.support.holder", msgspec.json.encode(config).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        (left,) = folders() - before
        os.kill(holder.pid, signal.SIGKILL)
    until(lambda: folders() == before, 20, "the connection to end")
    assert not [line for line in commands() if str(left) in line]
    with contextlib.closing(DRIVER.open(config, clean.files)) as driver:
        assert is_free(driver)


def commands() -> list[str]:
    """The command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_a_host_with_another_key_is_not_spoken_to(clean: LibvirtBench, ssh_host: Remote, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{ssh_host.door.port} {Keys.make(tmp_path / 'other').public}\n")
    ssh = {**ssh_host.connection["ssh"], "known_hosts": str(known)}
    before = folders()
    assert "Host key verification failed" in refusal(clean, {**ssh_host.connection, "ssh": ssh})
    known.write_text("")
    assert "ssh-keyscan" in refusal(clean, {**ssh_host.connection, "ssh": ssh}), "an unknown one neither"
    assert folders() == before


def test_a_key_that_the_host_does_not_know_is_told(clean: LibvirtBench, ssh_host: Remote, tmp_path: Path) -> None:
    stranger = str(Keys.make(tmp_path / "stranger").private)
    ssh = {**ssh_host.connection["ssh"], "identity": stranger}
    assert "the host does not know our key" in refusal(clean, {**ssh_host.connection, "ssh": ssh})


def test_a_certificate_of_another_authority_is_refused(clean: LibvirtBench, tls_host: Remote, tmp_path: Path) -> None:
    for name in ("cacert.pem", "clientcert.pem", "clientkey.pem"):
        (tmp_path / name).write_bytes((tls_host.folder / name).read_bytes())
    subprocess.run(["certtool", "--generate-privkey", "--outfile", tmp_path / "k"], check=True, capture_output=True)
    (tmp_path / "t").write_text('cn = "other"\nca\ncert_signing_key\n')
    other = ["certtool", "--generate-self-signed", "--load-privkey", tmp_path / "k", "--template", tmp_path / "t"]
    subprocess.run([*map(str, other), "--outfile", str(tmp_path / "cacert.pem")], check=True, capture_output=True)
    assert "certificate" in refusal(clean, {**tls_host.connection, "tls": {"pki": str(tmp_path)}})


def test_a_socket_and_a_channel_that_lead_to_two_machines_are_refused(clean: LibvirtBench, libvirt_host: Host) -> None:
    socket = {"socket": str(libvirt_host.socket), "channel": {"prefix": ["unshare", "--uts", "sh", "-c", OTHER, "-"]}}
    assert "both have to be one machine" in refusal(clean, socket)


OTHER = 'hostname elsewhere; exec "$@"'


def test_a_host_that_does_not_answer_by_ssh_fails_alone_and_soon(clean: LibvirtBench) -> None:
    ssh = {"connect_timeout": 1}
    unreachable = {"transport": "ssh", "host": "127.0.0.1", "port": 1, "ssh": ssh}
    assert "ssh to root@127.0.0.1 port 1 failed" in refusal(clean, unreachable)
