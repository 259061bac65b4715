# SPDX-License-Identifier: Apache-2.0
"""Three real hosts, and an approver at a desk who has an account on none of them."""

from __future__ import annotations

import subprocess

import pytest

from tests.fleet.stage import NAMES, Fleet


@pytest.mark.parametrize("by", ["dial", "ssh"])
@pytest.mark.parametrize("name", NAMES)
def test_who_has_no_account_on_a_host_lists_and_approves_there(three: Fleet, name: str, by: str) -> None:
    host = three.hosts[name]
    assert subprocess.run(host.inside("getent", "passwd", "bob"), check=False).returncode == 2
    id = host.waits()
    listed = three.jitd(name, "requests", by=by)
    assert (listed.returncode, id in listed.stdout) == (0, True), listed
    done = three.jitd(name, "approve", "--yes", id, by=by)
    assert done.returncode == 0 and f"jitd on {host.host}: request {id} is approved" in done.stderr, done
    assert host.state_of(id) == "approved"
