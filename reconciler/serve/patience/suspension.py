"""What is left alone until it is resumed: the fleet, a project, a host, or a resource."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reconciler.address import Address
from reconciler.plan import Step
from reconciler.serve.telling.status import Suspension
from reconciler.suggest import nearest

FLEET = "fleet"
_KINDS = frozenset({"Host", "Project", "Image", "Network", "SecurityGroup", "Volume", "Instance"})
"""Kinds of which something is ever done on a host, or to which that belongs."""


def named(what: str) -> str:
    """What is meant, as it is kept: `fleet`, `Host/NAME` or an address. Raises `ValueError` with what to write."""
    if what == FLEET:
        return what
    try:
        address = Address.parse(what)
    except ValueError:
        raise ValueError(f"{what!r} is none of `fleet`, Host/NAME, or an address such as Instance/shop/web-1") from None
    if address.kind not in _KINDS:
        raise ValueError(f"nothing of {what} stands on a host; suspend what uses it, Host/NAME, or `fleet`")
    return str(address)


def unknown(what: str, resources: Collection[Address]) -> str:
    """Why a suspension of that would cover nothing, where these are all the resources; empty when it covers some."""
    projects = {f"Project/{each.project}" for each in resources if each.project}
    names = {FLEET, *projects, *map(str, resources)}
    if what in names:
        return ""
    meant = _meant(what, names)
    question = f" Did you mean `{meant}`?" if meant else ""
    return f"there is no {what}, so that nothing would be left alone.{question}"


def _meant(what: str, names: Collection[str]) -> str:
    """Another name beside it that is like it, or the same one in another project; empty when there is none. What comes
    before the name is alike for many, and proves nothing.
    """
    place, _, name = what.rpartition("/")
    beside = {each.rpartition("/")[2]: each for each in names if each.rpartition("/")[0] == place}
    if found := nearest(name, beside):
        return beside[found]
    kind = what.partition("/")[0]
    return next((each for each in sorted(names) if each.startswith(f"{kind}/") and each.endswith(f"/{name}")), "")


def fleet_wide(suspensions: Iterable[Suspension]) -> Suspension | None:
    """The suspension of the whole fleet, if there is one."""
    return of(suspensions, FLEET)


def of(suspensions: Iterable[Suspension], what: str) -> Suspension | None:
    """The suspension of just that, if there is one."""
    return next((each for each in suspensions if each.what == what), None)


def why_not(suspensions: Iterable[Suspension], step: Step) -> str:
    """Why a step is not done; empty when nothing that it is about is suspended."""
    address = step.key.address
    covered = {FLEET, f"Host/{step.key.host}", f"Project/{address.project}", str(address)}
    return next((words(each) for each in suspensions if each.what in covered), "")


def words(suspension: Suspension) -> str:
    """`Host/kvm-01 is suspended by ann@desk since …: new disks`."""
    said = f": {suspension.reason}" if suspension.reason else ""
    return f"{suspension.what} is suspended by {suspension.by} since {suspension.time}{said}"


def added(suspensions: Iterable[Suspension], new: Suspension) -> tuple[Suspension, ...]:
    """With one more. What is suspended already stays so by whom, since when and why it is, unless a reason is given."""
    known = tuple(suspensions)
    counts = new if new.reason else of(known, new.what) or new
    return tuple(sorted((*removed(known, new.what), counts), key=lambda each: each.what))


def again(before: Suspension | None, new: Suspension) -> str:
    """What is said to who suspends what is suspended already; empty when it is not."""
    if before is None:
        return ""
    stays = "The new reason takes the place of that." if new.reason else "That stays so; --reason gives another reason."
    return f"Already so: {words(before)}. {stays}"


def removed(suspensions: Iterable[Suspension], what: str) -> tuple[Suspension, ...]:
    """Without those of `what`."""
    return tuple(each for each in suspensions if each.what != what)
