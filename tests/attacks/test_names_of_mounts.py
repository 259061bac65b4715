# SPDX-License-Identifier: Apache-2.0
"""What one account calls a directory that it mounts on (fusermount(1)) holds up nobody."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.raw import uid_of
from tests.system.conftest import House, house_with

POLICY = """
[[permit]]
name = "any"
who = ["user:alice", "user:eve"]
commands = [["/usr/bin/true"], ["/usr/bin/test", "**"]]
"""
NAMES = {
    "CR": b"a\rb",
    "a line that looks like another's": b"x\r21 1 8:1 rw - ext4 sda1 rw",
    "LF": b"a\nb",
    "U+2028": "a\u2028b".encode(),
    "U+0085 and VT": "a\u0085\vb".encode(),
    "not UTF-8": b"a\xff\xfeb",
    "the separator": b"a - fuse.b c",
}


@pytest.fixture(params=NAMES.values(), ids=NAMES.keys())
def mounted(request: pytest.FixtureRequest) -> Iterator[bytes]:
    """A file system of alice's own, mounted by herself."""
    if not Path("/dev/fuse").exists():
        os.mknod("/dev/fuse", stat.S_IFCHR | 0o666, os.makedev(10, 229))
    os.chmod("/dev/fuse", 0o666)
    place = os.fsencode(tempfile.mkdtemp(prefix="mounts-", dir="/srv"))
    source, at = place + b"/source", place + b"/" + request.param
    for made in (source, at):
        os.mkdir(made)
    for made in (place, source, at):
        os.chown(made, uid_of("alice"), -1)
    subprocess.run(["as", "--no-ticket", "alice", "bindfs", "--no-allow-other", source, at], cwd="/", check=True)
    yield at
    subprocess.run(["as", "--no-ticket", "alice", "fusermount", "-u", at], cwd="/", check=True)
    for made in (source, at, place):
        os.rmdir(made)


host = house_with(POLICY)


def test_a_mount_with_any_name_stops_nobodys_request(host: House, mounted: bytes) -> None:
    """THREATS R-42: nor what root reads of this host."""
    for who in ("alice", "eve"):
        done = host.sudo(who, "true")
        assert done.returncode == 0, done
        done = host.sudo(who, "test", "-d", mounted)
        assert done.returncode in (0, 1), done  # and no 125: root may not look into it
    told = host.jitd("doctor").stdout
    assert "state.filesystem" not in told and "Traceback" not in told, told
