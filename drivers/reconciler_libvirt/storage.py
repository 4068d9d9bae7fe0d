"""The fleet's storage pool on a host: one folder, made when first needed and removed with its last volume. Beside it
the pools of the host's own that volumes may lie in.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterable

import libvirt

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.identity import Identity
from reconciler.observation import Foreign
from reconciler_libvirt import names
from reconciler_libvirt.channel import Channel, CommandError
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.pool import NamedPool, Volumes
from reconciler_libvirt.xml import storage as xml
from reconciler_libvirt.xml.tree import render


class Storage(Volumes):
    """The fleet's own pool. `named` are the others by name, whether they are there or not."""

    def __init__(
        self,
        connection: libvirt.virConnect,
        identity: Identity,
        folder: str,
        channel: Channel,
        named: Iterable[str] = (),
    ) -> None:
        super().__init__(connection, names.pool(identity))
        self.path = f"{folder.rstrip('/')}/{self.name}"
        self.named = {name: NamedPool(connection, name) for name in named}
        self._uuid = names.pool_uuid(identity)
        self._channel = channel
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def pool(self, name: str | None) -> Volumes:
        """The pool of that name, or ours. Raises `DriverError` (yours) when it may not be used."""
        if name is None:
            return self
        if name not in self.named:
            message = f"the trusted configuration does not let volumes lie in the storage pool {name}"
            raise DriverError(ErrorClass.YOURS, f"{message}; list it under `pools` of the host")
        return self.named[name]

    def making(self, name: str) -> threading.Lock:
        """Held by who makes a volume that several may need at once."""
        with self._turn:
            return self._making[name]

    def find(self) -> libvirt.virStoragePool | None:
        """The pool, if there is one; raises `DriverError` (exists) when the name is taken by another's."""
        pool = self._lookup()
        if pool is not None and pool.UUIDString() != self._uuid:
            raise DriverError(ErrorClass.EXISTS, f"the storage pool {self.name} exists and is not ours")
        return pool

    def _lookup(self) -> libvirt.virStoragePool | None:
        with unless(ErrorClass.GONE), calls(f"looking for the storage pool {self.name}"):
            return self._connection.storagePoolLookupByName(self.name)
        return None

    def foreign(self) -> Foreign | None:
        """A pool of another that bears our pool's name."""
        pool = self._lookup()
        if pool is None or pool.UUIDString() == self._uuid:
            return None
        return Foreign("storage pool", self.name, "its UUID is not ours; every volume of this fleet would go there")

    def _open(self) -> libvirt.virStoragePool | None:
        """The pool, if there is anything in it. Raises `DriverError` when there is and it cannot be seen."""
        pool = self.find()
        if pool is None or pool.isActive():
            return pool
        if self._bare():
            return None
        message = f"the storage pool {self.name} is not active; start it with `virsh pool-start {self.name}`"
        raise DriverError(ErrorClass.YOURS, message)

    def _bare(self) -> bool:
        """Whether there is nothing in the pool's folder, or no folder."""
        try:
            return not self._channel.run("ls", "-A", "--", self.path).strip()
        except CommandError:
            return True

    def ensure(self, progress: Progress) -> libvirt.virStoragePool:
        """The pool, made if it is missing and started if it is not."""
        with self._turn:
            pool = self.find()
            if pool is None:
                progress.call("pool.define", self.name)
                with calls(f"defining the storage pool {self.name} at {self.path}"):
                    pool = self._connection.storagePoolDefineXML(render(xml.pool(self.name, self._uuid, self.path)))
            if not pool.isActive():
                progress.call("pool.start", self.name)
                with calls(f"starting the storage pool {self.name} at {self.path}"):
                    pool.build()
                    pool.create()
            if not pool.autostart():
                with calls(f"setting the storage pool {self.name} to start with the host"):
                    pool.setAutostart(1)
            return pool

    def settle(self, name: str, progress: Progress) -> None:
        """Give a volume that was filled under its partial name its own: it is whole from then on."""
        with self._turn:
            progress.call("volume.settle", name)
            path = f"{self.path}/{name}"
            self._channel.run("mv", "-T", "--", path + names.PARTIAL, path)
            self._refresh(self.ensure(progress))

    def remove_if_empty(self, progress: Progress) -> None:
        """Remove the pool and its folder, which we made, when no file is left in it."""
        with self._turn:
            pool = self.find()
            if pool is None or self.read():
                return
            progress.call("pool.delete", self.name)
            with unless(ErrorClass.GONE), calls(f"removing the storage pool {self.name}"):
                if pool.isActive():
                    pool.destroy()
                self._remove_folder()
                pool.undefine()

    def _remove_folder(self) -> None:
        """Only if it is empty: what libvirt does not show as a volume is not ours."""
        with contextlib.suppress(CommandError):
            self._channel.run("rm", "-d", "-f", "--", self.path)
