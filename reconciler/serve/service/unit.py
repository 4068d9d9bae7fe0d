"""The systemd unit of a controller: it may do what a controller does, and little else; see systemd.exec(5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z0-9_./:=@,+-]+")
_UNIT = """\
# Printed by `reconciler serve --print-unit`; it belongs into /etc/systemd/system/reconciler.service.
# docs/running-a-controller.md says what else is to be done.

[Unit]
Description=Keeps a private cloud equal to its Git repository
Wants=network-online.target
After=network-online.target libvirtd.service virtqemud.service

[Service]
Type=notify
ExecStart={command}
Restart=always
RestartSec=5s
# It says every 20 s that it goes on, and is killed and started anew when it does not.
WatchdogSec=60s
# Running steps may finish, and what they run on this machine is not interrupted.
KillMode=mixed
TimeoutStopSec=10min

# A user of its own. Whoever may speak to libvirt's socket is as good as root on that host.
User=reconciler
Group=reconciler
SupplementaryGroups=libvirt
UMask=0027
Environment=LANG=C.UTF-8 XDG_STATE_HOME=/var/lib XDG_CACHE_HOME=/var/cache
StateDirectory=reconciler
StateDirectoryMode=0750
CacheDirectory=reconciler
CacheDirectoryMode=0750
{writable}
MemoryMax=1G
TasksMax=512
OOMPolicy=continue

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateMounts=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
# Manifests of strangers are read in a process that has no network: in namespaces of its own.
RestrictNamespaces=user net
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit(command: Sequence[str], writable: Iterable[Path]) -> str:
    """A unit that runs a command, which may write to these folders beside its own."""
    folders = [f"ReadWritePaths={_word(str(folder))}" for folder in writable]
    return _UNIT.format(command=" ".join(map(_word, command)), writable="\n".join([*folders, ""]))


def _word(text: str) -> str:
    """One word as systemd reads it: `%` and `$` stand for something there."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$").replace("\n", "\\n")
    return f'"{escaped}"'
