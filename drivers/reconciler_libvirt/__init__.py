"""The driver for libvirt with QEMU. Importable without libvirt-python: only opening a host needs it."""

from __future__ import annotations

from reconciler.driver import Driver, DriverError, DriverType, ErrorClass, Files, HostConfig
from reconciler.impact import ImpactTable
from reconciler_libvirt.impacts import IMPACTS

__all__ = ["DRIVER"]


class LibvirtType:
    """The driver before it is connected."""

    name = "libvirt"
    impacts: ImpactTable = IMPACTS

    def check(self, host: HostConfig) -> None:
        """Raises `DriverError` (yours) when the host's section has a mistake."""
        from reconciler_libvirt.settings import settings

        settings(host.name, host.connection)

    def open(self, host: HostConfig, files: Files) -> Driver:
        """Connect to a host. Raises `DriverError`."""
        try:
            from reconciler_libvirt.driver import LibvirtDriver
        except ModuleNotFoundError as error:
            if error.name != "libvirt":
                raise
            message = "libvirt-python is not installed; run `pip install 'vm-reconciler[libvirt]'`"
            raise DriverError(ErrorClass.UNSUPPORTED, message) from None
        return LibvirtDriver(host, files)


DRIVER: DriverType = LibvirtType()
