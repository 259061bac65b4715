# SPDX-License-Identifier: Apache-2.0
"""Three real hosts, and an approver at a desk who has an account on none of them."""

from __future__ import annotations

import socket
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


def test_a_host_hears_nothing_of_the_network_but_the_kdc(three: Fleet) -> None:
    """The proofs here are worth what the stage is: no other way leads to a host."""
    host = three.hosts["db1"]
    code = "import socket; s = socket.socket(); s.bind(('', 2222)); s.listen(); print('listens', flush=True); s.accept()"
    with subprocess.Popen(host.inside("python3", "-c", code), stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None and listener.stdout.readline() == "listens\n"
        with pytest.raises(TimeoutError):
            socket.create_connection((host.address, 2222), timeout=1.0)
        assert host.run("root", "python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 2222))").returncode == 0


@pytest.mark.parametrize("by", ["dial", "ssh"])
def test_another_host_in_its_place_is_refused_and_nothing_is_done_on_either(three: Fleet, by: str) -> None:
    """THREATS F-03."""
    meant, other = three.hosts["db1"], three.hosts["web2"]
    ids = [host.waits() for host in (meant, other)]
    for id in ids:
        done = three.jitd("db1", "approve", "--yes", id, by=by, to="web2")
        assert done.returncode != 0 and f"what answers has not proved to be {meant.host}" in done.stderr, done
    assert [host.is_untouched(id) for host, id in zip((meant, other), ids, strict=True)] == [True, True]


def test_who_is_not_named_on_the_hosts_learns_nothing_and_the_requester_is_not_an_approver(three: Fleet) -> None:
    host = three.hosts["web2"]
    id = host.waits()
    done = three.jitd("web2", "requests", who="eve")
    assert done.returncode == 119 and id not in done.stdout + done.stderr, done
    done = three.jitd("web2", "approve", "--yes", id, who="alice")
    assert done.returncode != 0 and host.is_untouched(id), done


def test_a_host_that_is_gone_is_named_and_the_others_answer(three: Fleet) -> None:
    gone = three.hosts["mail3"]
    gone.stop()
    try:
        done = three.jitd("mail3", "requests")
        assert done.returncode == 125 and "the carrier ended: " in done.stderr, done
        for name in ("db1", "web2"):
            assert three.jitd(name, "requests").returncode == 0
    finally:
        gone.start()
    assert three.jitd("mail3", "requests").returncode == 0
