# SPDX-License-Identifier: Apache-2.0
"""The numbered invariants of ARCHITECTURE.md that need a daemon. Law: one test an invariant, carrying its number."""

from __future__ import annotations

import os
import signal
import socket

from tests.waiting import PATIENCE, wait_for

SHORT = """
[[permit]]
name = "short"
who = ["group:dba"]
commands = [["/usr/bin/true"]]
expires = "12s"
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "lease"
who = ["group:dba"]
commands = [["/usr/bin/sleep", "*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }
"""


def running(house):
    return [run for run in house.kept("runs") if run.state == "running"]


def test_invariant_4_what_is_owed_is_derived_again_from_state(own_house):
    """A request that waits, a lease, and a run: after kill -9 each has what it is owed, and nothing twice."""
    for seconds in (12, 45):  # on a busy host all of it may be over before the new daemon is there
        house = own_house(SHORT.replace("12s", f"{seconds}s")).start()
        runs = house.ask("alice", "--for", f"{seconds}s", "sleep", "7775")  # it is over before the deadline of the other
        house.approved(runs.id)
        wait_for(lambda house=house, runs=runs: running(house) or runs.process.poll() is not None)
        waits = house.ask("alice", "true")
        assert waits.id
        house.kill()
        is_whole = running(house) and house.request_of(waits.id).state == "pending"
        house.start()
        status = waits.end()
        if is_whole and status != 121:
            break
    assert is_whole and status == 124, "its deadline is kept by the new daemon"
    runs.end()
    assert "its grant has ended" in runs.err
    wait_for(lambda: not house.kept("runs"))
    assert house.show(runs.id)["grant"]["state"] == "expired"
    house.verify()


def test_invariant_14_a_client_gone_is_a_withdrawal_while_it_waits_and_a_hang_up_while_it_runs(house):
    waits = house.ask("alice", "true")
    assert waits.id
    waits.process.kill()
    wait_for(lambda: house.request_of(waits.id).state == "withdrawn")
    runs = house.ask("alice", "sleep", "7774")
    house.approved(runs.id)
    run = wait_for(lambda: [r for r in house.rows("runs") if r["id"] == runs.id and r["state"] == "running"])[0]
    os.kill(runs.process.pid, signal.SIGKILL)
    ended = wait_for(lambda: [r for r in house.rows("runs", "--all") if r["id"] == run["id"] and r["state"] == "ended"])[0]
    assert ended["outcome"] == {"ending": "signaled", "number": signal.SIGHUP, "because": ended["outcome"]["because"]}


def test_invariant_15_strangers_write_nothing(house):
    before = house.database.stat().st_size, len(house.records())
    for junk in (b"", b"\0", b"\0\0\0\1x", b"\xff" * 8, b"\0\0\0\2{}", b'\0\0\0\x0e{"type":"bye"}') * 20:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(house.socket))
            stranger.sendall(junk)
            stranger.settimeout(PATIENCE)
            if len(junk) > 4 and junk[0] == 0:
                assert stranger.recv(1) == b""
    assert (house.database.stat().st_size, len(house.records())) == before
