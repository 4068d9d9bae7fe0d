"""The one way in which Git is let near a remote repository: what it may read, speak and use up is all said here.

Git heeds a good deal of configuration, programs and variables that lie around on a machine, and does a good deal that a
server asks for. None of the first is taken over, and the second is bounded (CVE-2018-11235, CVE-2024-32002,
CVE-2025-48384 were about clones that did more than store objects).
"""

from __future__ import annotations

import base64
import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from reconciler.limited import MIB, Limits, Process, broken
from reconciler.report.line import escape
from reconciler.secret import SecretError, resolve
from reconciler.trust.fields import RepositoryTrust

LIMITS = Limits(seconds=300, cpu=300, memory=4096 * MIB, file=512 * MIB, output=MIB)
"""A first fetch brings the whole history, and all of it in one file."""
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "fetch.unpackLimit=1",  # one file per fetch, which a limit can bound
    "core.bigFileThreshold=8m",  # larger files are not held in memory
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
    "pack.threads=1",
    "protocol.version=2",  # the server is asked for one reference, not for all
    "protocol.file.allow=never",
    "protocol.ext.allow=never",
    "http.followRedirects=false",  # not to where else our token would go
    "http.sslVerify=true",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "push.gpgSign=false",
    "push.followTags=false",
)
_TAKEN = ("PATH", "LANG", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "GIT_SSL_CAINFO", "SSL_CERT_FILE")
"""What of our environment an administrator may have set for this machine: proxies, and whose certificates count."""
_SSH = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "GlobalKnownHostsFile": "/dev/null",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "ForwardAgent": "no",
    "ClearAllForwardings": "yes",
    "PermitLocalCommand": "no",
    "ControlMaster": "no",
    "ControlPath": "none",
    "ProxyCommand": "none",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
}
_LONGEST = 300
"""Characters of what Git says that are told."""


class RemoteError(Exception):
    """The remote repository could not be had; the message says why and holds no secret."""


class Call(msgspec.Struct, frozen=True):
    """How Git is called for one remote repository. `mirror` is the bare repository here."""

    repository: RepositoryTrust
    mirror: Path
    limits: Limits = LIMITS

    def run(self, *command: str) -> None:
        """Let Git do one thing with the remote. Raises `RemoteError`."""
        token = self._token()
        ended = self._ended(token, command)
        if ended:
            hidden = [token, _basic(self.repository.username, token)] if token else []
            for secret in hidden:  # a server may repeat what it was told
                ended = ended.replace(secret, "(hidden)")
            raise RemoteError(f"git {command[0]}: {escape(ended)[:_LONGEST]}")

    def _ended(self, token: str, command: tuple[str, ...]) -> str:
        """Why it failed; nothing when it did not."""
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        try:
            process = Process(["git", *settings, *command], self.limits, self.environment(token), str(self.mirror))
        except OSError as problem:
            return str(problem)
        try:
            ended = process.end()
        finally:
            process.close()
        if ended.status == 0 and not ended.stopped:
            return ""
        said = ended.error.decode(errors="replace")
        return " ".join(said.split()) if ended.status > 0 and said.strip() else broken(ended, self.limits)

    def _token(self) -> str:
        if self.repository.token is None:
            return ""
        try:
            return resolve(self.repository.token)
        except SecretError as problem:
            raise RemoteError(f"The token cannot be had: {problem}.") from None

    def environment(self, token: str = "") -> dict[str, str]:
        """All that Git gets to see. A token is in no command line, and goes to no other server."""
        scheme, server, *_ = urlsplit(self.repository.url)
        found = {name: os.environ[name] for name in _TAKEN if name in os.environ}
        found |= {
            "HOME": str(self.mirror),
            "LC_ALL": "C",
            "GIT_DIR": str(self.mirror),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ALLOW_PROTOCOL": scheme,
            "GIT_SSH_VARIANT": "ssh",
            "GIT_SSH_COMMAND": self._ssh(),
        }
        if token:
            header = f"Authorization: Basic {_basic(self.repository.username, token)}"
            key = f"http.{scheme}://{server}/.extraHeader"
            found |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": header}
        return found

    def _ssh(self) -> str:
        """Nothing of the user's own configuration, no agent, and no question to anybody."""
        options = dict(_SSH)
        if self.repository.identity:
            options["IdentityFile"] = _quoted(self.repository.identity)
        if self.repository.known_hosts:
            options["UserKnownHostsFile"] = _quoted(self.repository.known_hosts)
        return shlex.join(["ssh", "-F", "/dev/null", *(f"-o{name}={value}" for name, value in options.items())])


def _quoted(path: str) -> str:
    """A path as ssh reads it: it may have blanks, and `%` begins a placeholder."""
    return '"' + path.replace("%", "%%") + '"'


def _basic(user: str, token: str) -> str:
    return base64.b64encode(f"{user}:{token}".encode()).decode()
