# SPDX-License-Identifier: Apache-2.0
"""The providers of contrib/providers: what a host says about itself by a program, and a risk score by HTTP."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.gatekeepers.stage import CONTRIB, module, once, serving, signed

HOST, RISK = CONTRIB / "providers/host.py", CONTRIB / "providers/risk.py"
host, risk = module("providers", "host"), module("providers", "risk")

APT = """\
Reading package lists...
Inst base-files [12.4+deb12u11] (12.4+deb12u15 Debian:12.15/oldstable [amd64])
Inst libssl3 [3.0.15-1] (3.0.17-1 Debian-Security:12/oldstable-security [amd64])
Inst libgcrypt20 [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst curl [7.81.0-1] (7.81.0-1ubuntu1.20 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Inst linux-image-6.1.0-40-amd64 (6.1.153-1 Debian:12.15/oldstable [amd64])
Conf base-files (12.4+deb12u15 Debian:12.15/oldstable [amd64])
"""


def asked(**facts: str) -> dict[str, Any]:
    return {"version": 1, "facts": facts, "host": "db1.example.test", "requester": "alice@EXAMPLE.TEST"}


# --- host


def test_updates_are_those_of_installed_packages_and_those_for_security_are_told_apart() -> None:
    sources = host.sources(APT)
    assert len(sources) == 4, "a package that is new is no update"
    assert list(map(host.is_security, sources)) == [False, True, True, True]


def test_this_host_says_its_own_facts() -> None:
    status, said, complaint = once(HOST, given=asked(reboot_needed="bool"))
    assert (status, json.loads(said)) == (0, {"facts": {"reboot_needed": os.path.exists("/run/reboot-required")}}), complaint


@pytest.mark.skipif(not os.access("/usr/bin/apt-get", os.X_OK), reason="not a Debian host")
def test_this_host_counts_its_own_updates_and_nothing_is_changed() -> None:
    before = {file: file.stat().st_mtime_ns for file in Path("/var/lib/dpkg").glob("status*")}
    status, said, complaint = once(HOST, given=asked(pending_updates="int", security_updates="int"))
    assert status == 0, complaint
    found = json.loads(said)["facts"]
    assert found.keys() == {"pending_updates", "security_updates"}
    assert 0 <= found["security_updates"] <= found["pending_updates"]
    assert {file: file.stat().st_mtime_ns for file in Path("/var/lib/dpkg").glob("status*")} == before


@pytest.mark.parametrize(
    "given",
    [[], {}, {"version": 2, "facts": {"reboot_needed": "bool"}}, asked(), asked(reboot_needed="int"), asked(moon="bool")],
    ids=lambda given: str(given)[:50],
)
def test_what_this_program_does_not_know_is_no_answer(given: object) -> None:
    status, said, complaint = once(HOST, given=given)
    assert (status, said) == (1, "") and complaint.startswith("host: ")


def sysfs(directory: Path, **devices: tuple[str, tuple[str, ...]]) -> Path:
    """A part of /sys with block devices: name → its dm/uuid (may be empty), and the names of its slaves."""
    for name, (uuid, slaves) in devices.items():
        device = directory / "devices" / name
        (device / "slaves").mkdir(parents=True)
        if uuid:
            (device / "dm").mkdir()
            (device / "dm/uuid").write_text(uuid)
        for slave in slaves:
            (device / "slaves" / slave).symlink_to(f"../../{slave}")
    (directory / "dev/block").mkdir(parents=True)
    (directory / "dev/block/253:0").symlink_to("../../devices/root")
    (directory / "class/block").mkdir(parents=True)
    for name in devices:
        (directory / "class/block" / name).symlink_to(f"../../devices/{name}")
    return directory


def mounts(directory: Path, number: str = "253:0", source: str = "/dev/mapper/root") -> Path:
    file = directory / "mountinfo"
    file.write_text(
        f"21 1 {number} / / rw,relatime shared:1 - ext4 {source} rw\n22 21 0:5 / /dev rw shared:2 master:1 - devtmpfs udev rw\n"
    )
    return file


PLAIN, LVM, CRYPT = ("", ()), "LVM-x", "CRYPT-LUKS2-0123-root"


@pytest.mark.parametrize(
    ("devices", "is_encrypted"),
    [
        ({"root": PLAIN}, False),
        ({"root": (CRYPT, ("sda2",)), "sda2": PLAIN}, True),
        ({"root": (LVM, ("crypt",)), "crypt": (CRYPT, ("sda2",)), "sda2": PLAIN}, True),
        ({"root": (LVM, ("sda2",)), "sda2": PLAIN}, False),
        ({"root": (LVM, ("crypt", "sdb1")), "crypt": (CRYPT, ("sda2",)), "sda2": PLAIN, "sdb1": PLAIN}, False),
        ({"root": (LVM, ("c1", "c2")), "c1": (CRYPT, ("s1",)), "c2": (CRYPT, ("s2",)), "s1": PLAIN, "s2": PLAIN}, True),
    ],
)
def test_a_disk_is_encrypted_if_all_below_the_root_is_of_dm_crypt(
    tmp_path: Path, devices: dict[str, tuple[str, tuple[str, ...]]], is_encrypted: bool
) -> None:
    assert host.is_root_encrypted(sysfs(tmp_path, **devices), mounts(tmp_path)) is is_encrypted


def test_btrfs_is_found_by_its_source(tmp_path: Path) -> None:
    tree = sysfs(tmp_path, root=PLAIN, crypt=(CRYPT, ()))
    assert host.is_root_encrypted(tree, mounts(tmp_path, "0:31", "/dev/crypt")) is True


@pytest.mark.parametrize("name", [b"a\rb", b"a\r8:1", b"\r", "a\u2028b".encode(), b"a\xff", b"a\v\x1cb"])
def test_what_somebody_calls_a_mount_changes_nothing_of_the_disk(tmp_path: Path, name: bytes) -> None:
    """THREATS R-42: half of such a line looked like the root, on a device that its person named."""
    tree, table = sysfs(tmp_path, root=(CRYPT, ()), plain=PLAIN), mounts(tmp_path)
    for served in (b"/", b"/dev/plain"):
        more = b"44 1 0:53 / /home/alice/%s rw,nosuid,nodev - fuse %s rw,user_id=4001,group_id=4001\n" % (name, served)
        table.write_bytes(table.read_bytes() + more)
    assert host.is_root_encrypted(tree, table) is True


@pytest.mark.parametrize(("number", "source"), [("0:31", "overlay"), ("0:31", "server:/root"), ("0:31", "/dev/gone")])
def test_a_root_that_is_not_on_a_disk_is_not_known(tmp_path: Path, number: str, source: str) -> None:
    with pytest.raises(host.Unknown, match="not a block device"):
        host.is_root_encrypted(sysfs(tmp_path, root=PLAIN), mounts(tmp_path, number, source))


# --- risk

POINTS = 'otherwise = 10\n[people]\n"carol@EXAMPLE.TEST" = 70\n"*/admin@EXAMPLE.TEST" = 25\n[hosts]\n"db*" = 40\n'


@pytest.mark.parametrize(
    ("who", "where", "points"),
    [("alice@EXAMPLE.TEST", "web1", 10), ("alice@EXAMPLE.TEST", "db1", 50), ("carol@EXAMPLE.TEST", "web1", 70),
     ("carol@EXAMPLE.TEST", "db1", 100), ("bob/admin@EXAMPLE.TEST", "web1", 25)],
)  # fmt: skip
def test_the_points_of_a_person_and_of_a_host_are_added(tmp_path: Path, who: str, where: str, points: int) -> None:
    (tmp_path / "risk.toml").write_text(POINTS)
    answer = risk.make(tmp_path / "risk.toml")
    assert answer(asked(risk="int") | {"requester": who, "host": where}) == {"facts": {"risk": points}}


@pytest.mark.parametrize(
    "text", ["other = 1", "otherwise = 101", "otherwise = -1", "otherwise = true", "people = 1", '[hosts]\n"*" = "high"']
)
def test_points_with_a_fault_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "risk.toml").write_text(text)
    with pytest.raises(ValueError):
        risk.make(tmp_path / "risk.toml")


def test_the_example_of_points_is_one() -> None:
    risk.make(CONTRIB / "providers/risk.toml")


def test_as_a_server_it_says_the_risk_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "risk.toml"
    file.write_text(POINTS)
    with serving(RISK, file, tmp_path) as served:
        assert served.ask(asked(risk="int")) == {"facts": {"risk": 50}}
        file.write_text(POINTS.replace("otherwise = 10", "otherwise = 90"))
        assert served.ask(asked(risk="int") | {"host": "web1"}) == {"facts": {"risk": 90}}
        for other in (asked(risk="double"), asked(risk="int", more="int"), {"version": 1, "facts": {"risk": "int"}}):
            body = json.dumps(other).encode()
            assert served.send(body, signed(body))[0] == 400
        file.write_text("otherwise = ")
        body = json.dumps(asked(risk="int") | {"host": "web2"}).encode()
        assert served.send(body, signed(body))[0] == 502
