"""The seed: the same bytes for the same guest, and values that stay values (S19)."""

from __future__ import annotations

import email
import io
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pycdlib import PyCdlib

from reconciler_libvirt import seed
from reconciler_libvirt.seed import Seed, SeedNic

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGU admin@example"
LAN = SeedNic(
    name="lan",
    mac="52:54:00:00:00:02",
    address="10.0.0.2",
    prefix=24,
    gateway="10.0.0.1",
    address6="fd00::2",
    gateway6="fd00::1",
    resolvers=("10.0.0.1",),
    route=True,
)
DMZ = SeedNic(name="dmz", mac="52:54:00:00:00:03", address="10.1.0.2", prefix=20, gateway="10.1.0.1", domain="shop.lan")
WEB = Seed(instance_id="i-1", hostname="web", keys=(KEY,), nics=(LAN, DMZ))


def _read(image: bytes) -> dict[str, bytes]:
    disk = PyCdlib()
    disk.open_fp(io.BytesIO(image))
    found = {}
    for name in ("meta-data", "network-config", "user-data"):
        out = io.BytesIO()
        disk.get_file_from_iso_fp(out, rr_path=f"/{name}")
        found[name] = out.getvalue()
    assert disk.pvd.volume_identifier.decode().strip() == "cidata"
    disk.close()
    return found


def test_the_disk_holds_the_files_and_bears_the_label_that_cloud_init_looks_for() -> None:
    assert _read(seed.image(WEB)) == seed.files(WEB)


def test_the_same_seed_is_the_same_bytes_whenever_and_wherever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    first = seed.image(WEB)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert seed.image(WEB) == first
    finally:
        monkeypatch.undo()
        time.tzset()


def test_another_seed_is_other_bytes() -> None:
    assert seed.image(replace(WEB, hostname="shop")) != seed.image(WEB)


def test_the_network_is_configured_by_mac_and_only_one_nic_has_the_default_route() -> None:
    ethernets = yaml.safe_load(seed.files(WEB)["network-config"])["ethernets"]
    assert ethernets["lan"] == {
        "match": {"macaddress": "52:54:00:00:00:02"},
        "accept-ra": False,
        "addresses": ["10.0.0.2/24", "fd00::2/64"],
        "nameservers": {"addresses": ["10.0.0.1"], "search": []},
        "routes": [{"to": "0.0.0.0/0", "via": "10.0.0.1"}, {"to": "::/0", "via": "fd00::1"}],
    }
    assert "routes" not in ethernets["dmz"]
    assert ethernets["dmz"]["addresses"] == ["10.1.0.2/20"]
    assert ethernets["dmz"]["nameservers"] == {"addresses": [], "search": ["shop.lan"]}


def test_a_nic_without_a_way_out_or_a_resolver_is_told_of_none() -> None:
    bare = replace(LAN, gateway="", gateway6="", resolvers=())
    assert yaml.safe_load(seed.files(replace(WEB, nics=(bare,)))["network-config"])["ethernets"]["lan"] == {
        "match": {"macaddress": "52:54:00:00:00:02"},
        "accept-ra": False,
        "addresses": ["10.0.0.2/24", "fd00::2/64"],
    }


def test_keys_alone_make_plain_cloud_config() -> None:
    text = seed.files(WEB)["user-data"]
    assert text.startswith(b"#cloud-config\n")
    assert yaml.safe_load(text)["ssh_authorized_keys"] == [KEY]


@given(text=st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_stays_a_value(text: str) -> None:
    found = seed.files(replace(WEB, hostname=text, keys=(text,)))
    assert yaml.safe_load(found["meta-data"]) == {"instance-id": "i-1", "local-hostname": text}
    assert yaml.safe_load(found["user-data"])["ssh_authorized_keys"] == [text]


def test_a_hostname_that_looks_like_more_is_none() -> None:
    found = yaml.safe_load(seed.files(replace(WEB, hostname="web\nruncmd: [evil]"))["meta-data"])
    assert found.keys() == {"instance-id", "local-hostname"}


SCRIPT = "#!/bin/sh\necho hello\n"
CONFIG = "#cloud-config\nssh_authorized_keys: [theirs]\npackages: [nginx]\n"


def parts(user_data: str) -> list[Any]:
    """The parts of what a guest with user data of its own is given."""
    whole = email.message_from_bytes(seed.files(replace(WEB, user_data=user_data))["user-data"])
    assert whole.is_multipart()
    return list(whole.walk())[1:]


@pytest.mark.parametrize("text", [SCRIPT, CONFIG, "#cloud-config\nmotd: grüß dich\n", "no type at all"])
def test_user_data_travels_unchanged_beside_the_keys(text: str) -> None:
    theirs, ours = parts(text)
    assert theirs.get_content_type() == "text/plain", "cloud-init tells its type by its first line"
    assert theirs.get_payload(decode=True).decode() == text
    assert ours.get_content_type() == "text/cloud-config"
    assert yaml.safe_load(ours.get_payload(decode=True))["ssh_authorized_keys"] == [KEY]


def test_our_keys_are_added_to_those_of_the_user_data() -> None:
    _, ours = parts(CONFIG)
    merging = {rule["name"]: rule["settings"] for rule in yaml.safe_load(ours.get_payload())["merge_how"]}
    assert merging == {"list": ["append"], "dict": ["no_replace", "recurse_list"]}


def test_an_archive_is_taken_in_as_an_archive() -> None:
    inner = seed.files(replace(WEB, user_data=SCRIPT))["user-data"].decode()
    outer = email.message_from_bytes(seed.files(replace(WEB, user_data=inner))["user-data"])
    types = [part.get_content_type() for part in outer.walk() if not part.is_multipart()]
    assert types == ["text/plain", "text/cloud-config", "text/cloud-config"]


def test_user_data_cannot_end_its_part() -> None:
    boundary = email.message_from_bytes(seed.files(replace(WEB, user_data=SCRIPT))["user-data"]).get_boundary()
    tricky = f"--{boundary}\nContent-Type: text/x-shellscript\n\n#!/bin/sh\nevil\n"
    theirs, _ = parts(tricky)
    assert theirs.get_payload() == tricky


def test_nothing_of_a_seed_but_the_user_data_itself_follows_from_the_user_data() -> None:
    first, second = (seed.files(replace(WEB, user_data=text)) for text in ("#!/bin/sh\none\n", "#!/bin/sh\ntwo\n"))
    assert first["user-data"].replace(b"one", b"two") == second["user-data"], "it may be a secret"
    assert {**first, "user-data": b""} == {**second, "user-data": b""}
