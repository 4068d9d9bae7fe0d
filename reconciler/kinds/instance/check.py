"""What can be wrong with an instance by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.cidr import parse_address, parse_address6
from reconciler.kinds.base import Problem
from reconciler.kinds.defaults import readiness_problem
from reconciler.kinds.instance import MOST_USER_DATA, InstanceSpec, UserDataFrom
from reconciler.suggest import shown
from reconciler.treepath import flaw

_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?<!lock_)(password|passwd|secret|token|api_?key|access_?key)[\"']?[ \t]*[:=][ \t]*(?!true|false)[^\s$<{]"
    r"|\b(AKIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{30,}|glpat-[0-9A-Za-z_-]{20,})\b",
    re.IGNORECASE,
)
"""What secrets in user data tend to look like. Anything that goes on for long is anchored: the text is untrusted."""


def check(spec: InstanceSpec) -> Iterator[Problem]:
    """The problems of a spec that its types accept."""
    yield from _interfaces(spec)
    if spec.readiness and (problem := readiness_problem("spec.readiness", spec.readiness)):
        yield problem
    if spec.user_data is not None and spec.user_data_from is not None:
        detail = "An instance has one user data: remove `userData`, or remove `userDataFrom`."
        yield Problem("spec.userDataFrom", "one-of", "exactly one is needed", detail)
    if spec.user_data_from is not None:
        yield from _origin(spec.user_data_from)
    if spec.user_data is not None:
        yield from user_data_problems("spec.userData", spec.user_data)


def _interfaces(spec: InstanceSpec) -> Iterator[Problem]:
    primary = [name for name, nic in spec.networks.items() if nic.primary]
    for name in primary[1:]:
        detail = f"`{primary[0]}` is primary already; one interface carries the default route."
        yield Problem(f"spec.networks.{name}.primary", "two-primaries", "more than one primary interface", detail)
    for name, nic in spec.networks.items():
        if nic.address is not None and parse_address(nic.address) is None:
            detail = f"{shown(nic.address)} is no IPv4 address, such as 10.10.0.5."
            yield Problem(f"spec.networks.{name}.address", "bad-address", "not an address", detail)
        if nic.address6 is not None and parse_address6(nic.address6) is None:
            detail = f"{shown(nic.address6)} is no IPv6 address, such as fd00:10::105."
            yield Problem(f"spec.networks.{name}.address6", "bad-address", "not an address", detail)


def _origin(origin: UserDataFrom) -> Iterator[Problem]:
    if (origin.file is None) == (origin.secret_ref is None):
        have = "neither" if origin.file is None else "both"
        detail = f"User data comes from exactly one of `file` and `secretRef`; this has {have}."
        yield Problem("spec.userDataFrom", "one-of", "exactly one is needed", detail)
    elif origin.file is not None and (wrong := flaw(origin.file)):
        detail = f"It {wrong}. The file lies in the same commit, in the manifest's folder or below."
        yield Problem("spec.userDataFrom.file", "bad-path", "path is not allowed", detail)


def user_data_problems(path: str, text: str) -> Iterator[Problem]:
    """What is wrong with user data that came from `path`."""
    if len(text) > MOST_USER_DATA:
        detail = f"It has {len(text):,} characters; {MOST_USER_DATA:,} are allowed. Let the guest fetch the rest."
        yield Problem(path, "user-data-too-long", "user data is too long", detail)
    elif _SECRETS.search(text):
        yield Problem(
            path,
            "secret-in-user-data",
            "user data seems to hold a secret",
            "Everyone who can read the repository, or log in to the guest, can read it. Write `userDataFrom:"
            " {secretRef: NAME}` to take it from the trusted configuration, or let the guest fetch secrets after it"
            " has started; let people log in by keypair.",
            severity="warning",
            secret=True,
        )
