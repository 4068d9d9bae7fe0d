"""A driver for an embedded make-believe hypervisor: strict about order like a real one, with faults on demand.

Its state is one file per host, so that a first run of the reconciler needs nothing, and any run can be tested.
"""

from reconciler.driver import DriverType
from reconciler_simulator.driver import SimulatorType

DRIVER: DriverType = SimulatorType()

__all__ = ["DRIVER"]
