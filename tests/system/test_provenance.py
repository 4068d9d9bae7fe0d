"""Where the values of the examples' objects come from: of each one it is known, and it stands where it is said to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.plan import Change
from reconciler.provenance import Root, roots, with_fleet
from reconciler.reconcile import Options, plan_round
from tests.support.repository import Repository

EXAMPLES = Path(__file__).parents[2] / "examples"


pytestmark = pytest.mark.usefixtures("homes")


def found(tmp_path: Path, example: str) -> dict[str, list[Root]]:
    """Every field of every object that the example's first plan makes, with its roots."""
    shutil.copytree(EXAMPLES / example, tmp_path / "fleet")
    repository = Repository(tmp_path / "fleet")
    repository.commit()
    with plan_round(Options(repo=repository.path, rev="HEAD")) as round_:
        wanted = round_.loaded.desired
        resources = with_fleet(wanted.resources, wanted.fleet)
        changes: tuple[Change, ...] = round_.plan.changes
        assert changes
        return {
            f"{change.key.address} {field.path}": roots(resources, change.key.address, change.key.host, field.path)
            for change in changes
            for field in change.fields
        }


@pytest.mark.parametrize("example", ["quickstart", "web-shop", "two-hosts"])
def test_every_value_has_a_root_and_a_declared_one_has_its_line(tmp_path: Path, example: str) -> None:
    values = found(tmp_path, example)
    assert [name for name, roots in values.items() if not roots] == []
    for roots_ in values.values():
        for root in roots_:
            assert (root.how == "default") == (not root.resource.declares or not root.resource.declares(root.path))
            if root.how != "default":
                place = root.resource.place_of(root.path)
                text = (tmp_path / "fleet" / place.path).read_text(encoding="utf-8").splitlines()[place.line - 1]
                assert text[place.column - 1 :].strip(), (root.path, text)


def test_disks_rules_and_members_are_followed_to_where_they_are_written(tmp_path: Path) -> None:
    values = found(tmp_path, "web-shop")
    told = {
        name: {f"{root.resource.address} {root.path} {root.how}" for root in found} for name, found in values.items()
    }
    assert told["Instance/shop/db volumes.orders.serial"] == {"Instance/shop/db spec.volumes.orders derived"}
    assert told["Volume/shop/orders size"] == {"Volume/shop/orders spec.size declared"}
    assert told["SecurityGroup/shop/web members"] == {
        f"Instance/shop/{name} spec.securityGroups derived" for name in ("web-1", "web-2")
    }
