"""A plan on what a controller last saw: it hands out an observation as it would publish it."""

from __future__ import annotations

import tempfile

from reconciler.against import plan_against
from reconciler.plan import Plan
from reconciler.reconcile import Options


def planned(options: Options, observation: bytes) -> Plan:
    """The plan for a commit on hosts as the observation shows them. Raises `DiagnosticError`."""
    with tempfile.NamedTemporaryFile(prefix="reconciler-observation-") as file:
        file.write(observation)
        file.flush()
        return plan_against(options, file.name)
