"""The hypervisor's modifying calls: functions that change a state, or refuse.

Each is one call of a hypervisor like libvirt and is as strict: names and UUIDs may not clash, what is in use is not
taken away, what is missing cannot be started. Where libvirt is lax and users would lose (a base volume under
overlays, a network under guests) this one is strict, so that a wrong order is loud. Where libvirt silently obeys
(a shrink destroys data, a guest keeps the disk that it was asked to let go of) this one does too, so that tests can see
the loss.
"""

from reconciler_simulator.hypervisor.domains import (
    attach_disk,
    define_domain,
    detach_disk,
    end_domain,
    set_autostart,
    set_link,
    set_memory,
    set_vcpus,
    start_domain,
    stop_domain,
    undefine_domain,
)
from reconciler_simulator.hypervisor.filters import delete_group, delete_nic, write_group, write_nic
from reconciler_simulator.hypervisor.networks import (
    add_dns_name,
    define_network,
    delete_dns_name,
    reload_network,
    start_network,
    stop_network,
    undefine_network,
)
from reconciler_simulator.hypervisor.refusal import Code, RefusalError
from reconciler_simulator.hypervisor.volumes import (
    create_volume,
    delete_volume,
    rename_volume,
    resize_volume,
    upload_volume,
)

__all__ = [
    "Code",
    "RefusalError",
    "add_dns_name",
    "attach_disk",
    "create_volume",
    "define_domain",
    "define_network",
    "delete_dns_name",
    "delete_group",
    "delete_nic",
    "delete_volume",
    "detach_disk",
    "end_domain",
    "reload_network",
    "rename_volume",
    "resize_volume",
    "set_autostart",
    "set_link",
    "set_memory",
    "set_vcpus",
    "start_domain",
    "start_network",
    "stop_domain",
    "stop_network",
    "undefine_domain",
    "undefine_network",
    "upload_volume",
    "write_group",
    "write_nic",
]
