"""The host channel: commands run as root on the host, for what libvirt has no call for.

A command is always an argument vector that we build, behind the prefix of the trusted configuration (`nsenter …`, or
nothing), on this machine or through ssh. There is no shell here; that of an ssh server gets every word quoted.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence

from reconciler.driver import DriverError, ErrorClass
from reconciler.whoever import claimant, claimed_by
from reconciler_libvirt.tunnel import Tunnel

LOCK = "/run/reconciler.lock"
"""One writer per host, whatever its fleet."""
LEAD = "/run/reconciler-lead-{fleet_id}.lock"
"""One controller per fleet."""
_WRITING = (
    "another run is writing to it: {who}; it holds {path} there. Wait for it to end. If it is stopped, or cut off, the"
    " lock goes two minutes after its last sign of life"
)
_LEADING = "another controller leads this fleet: {who}; it holds {path} on the host"
_HELD = 75
_SECONDS = 60.0
_ECHO_SECONDS = 10.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C"}
_REMOTELY = ("env", f"PATH={_PATH}", "LC_ALL=C")
_AT_ONCE = 6
"""An ssh server lets ten sessions share a connection, of which the tunnel, the lock and the lead take three."""
_SSH_FAILED = 255
_LISTEN = 'printf "%s\\n" "$2" > "$1"; while IFS= read -r -t "$0" line; do [ "$line" ] || echo; done'
"""Writes down who has the lock, for whoever is refused it. Then it echoes what is empty, and ends when it hears nothing
for so many seconds, however the host's clock is set meanwhile: bash gives the kernel a span to wait, no time of day.
"""
_WHO_SECONDS = 10.0
_BEAT = b"-\n"
_SILENCE = 120.0
"""Longer than a command of the channel may take, so that none of a silent run is at work when its lock goes."""
_BEATS = 4
"""So many signs of life are given while one is due."""
_PIPE = 'exec 3<>"/dev/tcp/$0/$1" 4<&0 && { cat <&4 >&3 & cat <&3 & wait -n; kill $(jobs -p) 2>/dev/null; }'
"""What bash does to carry a connection: it is on every host, and needs no other program."""


class CommandError(DriverError):
    """A command on the host failed; `status` is its exit status (127 when it is not installed)."""

    def __init__(self, command: Sequence[str], status: int, said: str) -> None:
        super().__init__(ErrorClass.YOURS, f"on the host, `{' '.join(command)}` exited {status}: {said.strip()}")
        self.status = status
        self.said = said


class Channel:
    """A way to run commands on one host."""

    def __init__(self, prefix: Sequence[str] = (), tunnel: Tunnel | None = None) -> None:
        self.prefix = tuple(prefix)
        self.tunnel = tunnel
        self._turns = threading.Semaphore(_AT_ONCE)

    def words(self, *command: str) -> list[str]:
        """What to run here so that a command runs on the host. Raises `DriverError` when that is not reached."""
        if self.tunnel is None:
            return [*self.prefix, *command]
        return self.tunnel.command([*self.prefix, *_REMOTELY, *command])

    def run(self, *command: str, stdin: str = "", seconds: float = _SECONDS) -> str:
        """What the command prints. Raises `CommandError`, or `DriverError` (transient) when it takes too long."""
        with self._turns:
            done = self._done(command, stdin, seconds)
        if done.returncode == _SSH_FAILED and self.tunnel and not self.tunnel.alive:
            raise DriverError(ErrorClass.TRANSIENT, f"the ssh connection to the host was lost: {done.stderr.strip()}")
        if done.returncode:
            raise CommandError(command, done.returncode, done.stderr or done.stdout)
        return done.stdout

    def _done(self, command: Sequence[str], stdin: str, seconds: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                self.words(*command),
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                env=_ENVIRONMENT,
                # A Ctrl-C on our terminal lets running steps finish, so it must not reach their commands.
                start_new_session=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise CommandError(command, 127, f"{error.filename} is not installed") from None
        except subprocess.TimeoutExpired:
            message = f"on the host, `{' '.join(command)}` did not end within {seconds:.0f} s"
            raise DriverError(ErrorClass.TRANSIENT, message) from None

    def proxy(self) -> list[str]:
        """The command that carries a connection from the host to `%h` and `%p`; empty when we are on the host.

        It needs nothing of ours to be open, since it is run by programs that outlive us.
        """
        words = [*self.prefix, "bash", "-c", _PIPE, "%h", "%p"] if self.prefix else []
        if self.tunnel is None:
            return words
        return self.tunnel.login.command(words) if words else self.tunnel.login.proxy()

    def lock(self, silence: float = _SILENCE) -> contextlib.AbstractContextManager[HostLease]:
        """Be the only writer of the host, or raise `DriverError` (held). The lock goes after that many seconds of
        `silence`: a process can be stopped for good, and a connection whose other end is gone can stand for hours.
        """
        return self._holding(LOCK, silence, _WRITING)

    def lead(self, fleet_id: str, term: float) -> contextlib.AbstractContextManager[HostLease]:
        """Be the fleet's only controller on the host, or raise `DriverError` (held); it goes after `term` seconds of
        silence.
        """
        return self._holding(LEAD.format(fleet_id=fleet_id), term, _LEADING)

    @contextlib.contextmanager
    def _holding(self, path: str, silence: float, held: str) -> Iterator[HostLease]:
        hold = ("bash", "-c", _LISTEN, f"{silence:.1f}", path, claimant())
        words = self.words("flock", "-n", "-E", str(_HELD), path, *hold)
        lease = HostLease(words, silence / _BEATS, path, lambda: held.format(path=path, who=self._holder_of(path)))
        try:
            yield lease
        finally:
            lease.release()

    def _holder_of(self, path: str) -> str:
        try:
            return claimed_by(self.run("head", "-n", "1", path, seconds=_WHO_SECONDS))
        except DriverError:
            return claimed_by("")

    def close(self) -> None:
        """Let go of the host."""
        if self.tunnel is not None:
            self.tunnel.close()


class HostLease:
    """A lock on the host, held by a process there that ends when its standard input does: so it goes when we go.

    The process echoes what it is sent, which proves that it still holds the lock. It has a session of its own, so
    that Ctrl-C on our terminal does not take the lock away from a step that is being finished. It is given a sign of
    life every `beat` seconds, by a thread: of a process that is stopped (SIGSTOP), that stops as well. `held` says to
    people who else has the lock, whose file is `path`.
    """

    def __init__(self, command: Sequence[str], beat: float, path: str, held: Callable[[], str]) -> None:
        self._path, self._held, self._lost = path, held, False
        self._holder = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        if not self._echoes():
            raise self._refusal()
        self._over, self._speaking = threading.Event(), threading.Lock()
        threading.Thread(target=self._live, args=(beat,), name="lock", daemon=True).start()

    def _live(self, beat: float) -> None:
        assert self._holder.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            while not self._over.wait(beat):
                with self._speaking:  # not into whatever has the pipe's number once it is closed
                    if not self._over.is_set():
                        os.write(self._holder.stdin.fileno(), _BEAT)

    def check(self) -> None:
        """Raises `DriverError` (held) when the lock is no longer ours. One that was lost once is lost: an answer that
        comes late proves nothing.
        """
        self._lost = self._lost or not self._echoes()
        if self._lost:
            raise DriverError(ErrorClass.HELD, "the lock on the host was lost: the process that held it there ended")

    def release(self) -> None:
        """Give the lock back."""
        with self._speaking:
            self._over.set()
        self._end()

    def _end(self) -> bytes:
        """Let the holder end, and give what it said. One that does not, on a host that hangs, is left to the host:
        there the lock goes with our silence.
        """
        try:
            return self._holder.communicate(timeout=_ECHO_SECONDS)[1]
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._holder.pid, signal.SIGKILL)
            return self._holder.communicate()[1]

    def _echoes(self) -> bool:
        stdin, stdout = self._holder.stdin, self._holder.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            os.write(stdin.fileno(), b"\n")
        except BrokenPipeError:
            return False
        answered, _, _ = select.select([stdout], [], [], _ECHO_SECONDS)
        return bool(answered) and os.read(stdout.fileno(), 1) == b"\n"

    def _refusal(self) -> DriverError:
        said = self._end().decode(errors="replace").strip()
        if self._holder.returncode == _HELD:
            return DriverError(ErrorClass.HELD, self._held())
        if self._holder.returncode == -signal.SIGKILL:
            return DriverError(ErrorClass.TRANSIENT, f"the host did not say whether it gives its lock {self._path}")
        return DriverError(ErrorClass.YOURS, f"the host's lock {self._path} cannot be taken: {said}")
