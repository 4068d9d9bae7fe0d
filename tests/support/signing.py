"""People with keys: real ones of OpenSSH and GnuPG, made for a test, and commits that they sign."""

from __future__ import annotations

import subprocess
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class SshKey:
    """Somebody's ssh key, and the line that a list of allowed signers has for them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / f"{name}.key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.file)]
        subprocess.run(command, check=True, timeout=30)

    def line(self, principal: str, options: str = 'namespaces="git"') -> str:
        """The line; `options` such as `valid-before="20240101"`."""
        return f"{principal} {options} {self.file.with_suffix('.key.pub').read_text(encoding='ascii')}"

    @property
    def options(self) -> list[str]:
        """How Git is told to sign with it."""
        return ["-c", "gpg.format=ssh", "-c", f"user.signingkey={self.file}"]


class GpgKey:
    """Somebody's GnuPG key, in a home of its own. `expire` is as GnuPG takes it."""

    def __init__(self, home: Path, email: str, expire: str = "never", clock: str = "") -> None:
        self.home, self.email = home, email
        self._homes = [home]
        home.mkdir(mode=0o700)
        at = ["--faked-system-time", clock] if clock else []
        self.run(
            *at,
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--quick-gen-key",
            f"A <{email}>",
            "ed25519",
            "sign",
            expire,
        )

    def run(self, *words: str, data: bytes = b"") -> bytes:
        """Run GnuPG with this key's home."""
        environment = {"PATH": PATH, "GNUPGHOME": str(self.home)}
        done = subprocess.run(
            ["gpg", "--batch", "--quiet", *words],
            env=environment,
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def lend_to(self, home: Path) -> None:
        """Put the public key into another home."""
        home.mkdir(mode=0o700, exist_ok=True)
        self._homes.append(home)
        public = self.run("--export", self.email)
        environment = {"PATH": PATH, "GNUPGHOME": str(home)}
        subprocess.run(["gpg", "--batch", "--quiet", "--import"], env=environment, input=public, check=True, timeout=60)

    def program(self, folder: Path, clock: str = "") -> list[str]:
        """How Git is told to sign with it, as if it were another time."""
        script = folder / f"gpg-{self.home.name}"
        faked = f"--faked-system-time {clock}" if clock else ""
        script.write_text(f'#!/bin/sh\nexec gpg --homedir {self.home} --batch {faked} "$@"\n', encoding="ascii")
        script.chmod(0o755)
        return ["-c", f"gpg.program={script}", "-c", f"user.signingkey={self.email}"]

    def close(self) -> None:
        """End the agents that signing and lending started."""
        for home in self._homes:
            environment = {"PATH": PATH, "GNUPGHOME": str(home)}
            subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False, timeout=60)
