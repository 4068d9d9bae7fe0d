"""A fleet that the trusted configuration says to be another repository's: whoever pushes to this one only has to write
its id to rule its hosts.
"""

from __future__ import annotations

from pathlib import Path

from reconciler import trust
from reconciler.desired import Desired
from reconciler.diagnostic import Untrusted, error
from reconciler.serve.checking import Deployment


def refuse_elsewhere(wanted: Desired, deployment: Deployment) -> None:
    """Raises `Untrusted` where the fleet's section names another repository of this machine. Of an address elsewhere it
    cannot be told whether it leads here.
    """
    configuration = trust.load(Path(deployment.config) if deployment.config else None)
    named = configuration.fleet(wanted.fleet_id).repository
    if named is None or not named.url.startswith("/") or _same(Path(named.url), Path(deployment.repository)):
        return
    detail = (
        f"It declares fleet {wanted.fleet_id}, which the trusted configuration has in another repository: its hosts are"
        " not for this one. Declare another fleet (`reconciler init` writes an id). Where it has moved here, whoever"
        " keeps that file corrects `repository` there."
    )
    raise Untrusted(error("other-fleet", "fleet is another repository's", detail))


def _same(named: Path, git_dir: Path) -> bool:
    return git_dir.resolve() in (named.resolve(), named.resolve() / ".git")
