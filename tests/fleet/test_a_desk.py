# SPDX-License-Identifier: Apache-2.0
"""Three real hosts at once, from a desk: one table, ids with a host, and hosts that do not answer."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.stage import NAMES, Fleet


@pytest.fixture
def known(three: Fleet) -> Iterator[Path]:
    """The file of hosts of bob, at the desk."""
    bob = pwd.getpwnam("bob")
    file = Path(bob.pw_dir, ".config/jitd/hosts.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        link = three.at / three.hosts[name].host
        if not link.is_symlink():
            link.symlink_to(three.at / name)
    hosts = [three.hosts[name].host for name in NAMES]
    file.write_text(f'[all]\nhosts = {hosts}\nvia = "{three.dial} {three.at}/{{host}}/run/dial"\n')
    os.chown(file, bob.pw_uid, bob.pw_gid)
    yield file
    file.unlink()


@pytest.mark.usefixtures("known")
def test_what_waits_on_three_hosts_is_one_list_and_each_is_approved_where_it_is(three: Fleet) -> None:
    ids = {name: three.hosts[name].waits() for name in NAMES}
    listed = three.desk("--hosts", "@all", "requests")
    assert listed.returncode == 0, listed
    for name, id in ids.items():
        assert any(id in line and three.hosts[name].host in line for line in listed.stdout.splitlines()), listed.stdout
    done = three.desk("approve", "--yes", *(f"{id}@{name}" for name, id in ids.items()))
    assert done.returncode == 0, done
    for name, id in ids.items():
        assert f"jitd on {three.hosts[name].host}: request {id} is approved" in done.stderr
        assert three.hosts[name].state_of(id) == "approved"


@pytest.mark.usefixtures("known")
def test_tickets_for_many_hosts_are_not_left_in_the_persons_cache(three: Fleet) -> None:
    bob = pwd.getpwnam("bob")
    directory = Path("/srv/of-bob")
    directory.mkdir(mode=0o700, exist_ok=True)
    os.chown(directory, bob.pw_uid, bob.pw_gid)
    cache = f"FILE:{directory}/cc"
    mine = {**os.environ, "HOME": bob.pw_dir, "KRB5CCNAME": cache}
    as_bob = {"user": "bob", "group": "bob", "extra_groups": [], "env": mine, "capture_output": True, "text": True}
    subprocess.run(["kinit", f"bob@{three.realm}"], input="bobbob\n", check=True, **as_bob)  # type: ignore[call-overload]
    try:
        listed = subprocess.run(["jitd", "--hosts", "@all", "requests"], **as_bob)  # type: ignore[call-overload]
        assert listed.returncode == 0, listed
        klist = subprocess.run(["klist"], check=True, **as_bob)  # type: ignore[call-overload]
        assert "krbtgt/" in klist.stdout and "jitd/" not in klist.stdout
    finally:
        shutil.rmtree(directory)


@pytest.mark.usefixtures("known")
def test_a_host_that_is_gone_is_named_and_the_others_are_listed_and_locked(three: Fleet) -> None:
    """THREATS F-06."""
    id = three.hosts["db1"].waits()
    three.hosts["web2"].stop()
    try:
        listed = three.desk("--hosts", "@all", "requests")
        assert listed.returncode == 1 and id in listed.stdout, listed
        assert "web2.example.test: the carrier ended: " in listed.stderr
        assert listed.stderr.splitlines()[-1] == "jitd: 1 of 3 hosts did not do what was asked"
    finally:
        three.hosts["web2"].start()
    assert three.desk("deny", "--reason", "the host is back", f"{id}@db1").returncode == 0
    assert three.hosts["db1"].state_of(id) == "denied"


@pytest.mark.usefixtures("known")
def test_the_versions_of_all_hosts_are_refused_to_who_is_no_operator(three: Fleet) -> None:
    told = three.desk("--hosts", "@all", "status")
    assert told.returncode == 1 and "jitd: 3 of 3 hosts did not do what was asked" in told.stderr, told
