# SPDX-License-Identifier: Apache-2.0
"""jitsudo --get from the person to the KDC and back: a real gate, jitd-kdc, jitd, and people with tickets of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Asking, House
from tests.system.granting import gated, grants
from tests.waiting import is_living, wait_for

SERVICE = "postgres/lab.example.test"
THING = f"service-ticket:{SERVICE}"
POLICY = f"""
[[permit]]
name = "asked"
who = ["user:alice"]
gives = ["{THING}"]
approvals = [{{ need = 1, from = ["group:ops"] }}]
grant = {{ lasts = "10m" }}

[[permit]]
name = "at-once"
who = ["user:dave"]
gives = ["{THING}"]
grant = {{ lasts = "10m" }}
"""
USE = 'kvno -q "$0" && echo let in'
"""A program that needs the ticket, as ``sh -c``."""
REFUSED = "KDC policy rejects request"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A daemon with a writer of its own, and the service, which is gated."""
    made = House(POLICY)
    with gated(made, SERVICE):
        made.start()
        yield made
        made.verify()
        made.close()


def directories() -> set[str]:
    """The directories of tickets that were given."""
    return {name for name in os.listdir("/tmp") if name.startswith("jitsudo-")}


@pytest.fixture(autouse=True)
def nothing_stays(house: House) -> Iterator[None]:
    before = directories()
    yield
    wait_for(lambda: not grants(SERVICE), what="the KDC without a grant")
    assert directories() <= before


def refused(house: House, who: str) -> bool:
    """Whether the KDC refuses ``who`` a ticket that is asked for with their own credentials."""
    done = house.run(who, "kvno", SERVICE)
    return done.returncode != 0 and REFUSED in done.stderr


# --- the way of a ticket


def test_a_ticket_comes_upon_approval_and_for_the_command_alone(house: House) -> None:
    assert refused(house, "alice")
    asked = house.ask("alice", "--get", THING, "--", "sh", "-c", f"{USE}; klist; unset KRB5CCNAME; klist; exit 5", SERVICE)
    id = asked.id
    assert refused(house, "alice"), "nobody has approved it yet"
    house.approved(id)
    assert asked.end() == 5, asked.err
    own, without = asked.out.split("let in\n")[1].split("Ticket cache: ")[1:]
    assert f"{SERVICE}@EXAMPLE.TEST" in own and "krbtgt" not in own
    assert "krbtgt" in without and SERVICE not in without, "the person's own cache has not kept it"
    assert "approved by bob@EXAMPLE.TEST" in asked.err
    wait_for(lambda: not grants(SERVICE), what="the grant's end")
    assert refused(house, "alice"), "it was given back when the command ended"


def test_a_denial_gives_nothing(house: House) -> None:
    asked = house.ask("alice", "--get", THING, "--", "echo", "ran")
    assert house.deny(asked.id).returncode == 0
    assert (asked.end(), asked.out) == (122, "")
    assert refused(house, "alice")


def test_a_rule_has_to_give_it(house: House) -> None:
    done = house.sudo("carol", "--get", THING, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (121, "")
    assert grants(SERVICE) == []


def test_a_withdrawal_while_it_waits(house: House) -> None:
    asked = house.ask("alice", "--get", THING, "--", "echo", "ran")
    id = asked.id
    asked.process.send_signal(signal.SIGINT)
    assert asked.end() == -signal.SIGINT
    wait_for(lambda: house.request_of(id).state == "withdrawn", what="the withdrawal")


def begun(asked: Asking) -> None:
    wait_for(lambda: "begun" in asked.out or asked.process.poll() is not None, what=f"the command ({asked.err})")


def test_a_revoked_grant_hangs_the_command_up_and_the_kdc_refuses(house: House) -> None:
    asked = house.ask("dave", "--get", THING, "--", "sh", "-c", "echo begun; exec sleep 1000")
    begun(asked)
    (grant,) = house.rows("grants")
    assert house.jitd("revoke", grant["id"], "--reason", "enough").returncode == 0
    assert asked.end() == -signal.SIGHUP
    assert f"{THING} is taken back: " in asked.err and "; hanging up sh" in asked.err
    assert refused(house, "dave")


def test_the_end_of_the_time_hangs_the_command_up(house: House) -> None:
    for seconds in (2, 30):  # on a busy host the time may be over before the command is there
        asked = house.ask("dave", "--get", THING, f"--for={seconds}s", "--", "sh", "-c", "klist; echo begun; exec sleep 1000")
        status = asked.end()
        if "begun" in asked.out:
            break
    assert status == -signal.SIGHUP, asked.err
    assert "warning" not in asked.err, "the KDC has ended the ticket with the grant"
    assert refused(house, "dave")


def test_what_outlives_the_grant_is_named_and_left(house: House) -> None:
    for seconds in (1, 30):  # on a busy host the time may be over before the command is there
        line = ("sh", "-c", "trap '' HUP; echo begun; exec sleep 1000")
        asked = house.ask("dave", "--get", THING, f"--for={seconds}s", "--", *line)
        status = asked.end()
        found = re.search(r"the grant has ended; still running: (\d+) sleep", asked.err)
        if found:
            break
        for left in re.findall(r"still running: (\d+)", asked.err):
            os.kill(int(left), signal.SIGKILL)
    assert status == -signal.SIGHUP
    assert found and is_living(found[1])
    os.kill(int(found[1]), signal.SIGKILL)


def test_what_is_kept_is_given_back_by_the_id_that_was_printed(house: House) -> None:
    kept = house.sudo("dave", "--get", THING)
    assert kept.returncode == 0, kept.stderr
    assert kept.stdout.startswith("export KRB5CCNAME=FILE:/tmp/jitsudo-")
    assert "let in" in house.run("dave", "sh", "-c", f"{kept.stdout}{USE}", SERVICE).stdout
    assert len(grants(SERVICE)) == 1, "it stays though jitsudo has ended"
    line = kept.stderr.splitlines()[-1].rpartition("to give it back sooner: ")[2]
    assert house.run("dave", *line.split()).returncode == 0
    assert refused(house, "dave")
    shutil.rmtree(Path(kept.stdout.strip().partition("FILE:")[2]).parent)


def test_what_was_submitted_without_waiting_is_got_later(house: House) -> None:
    submitted = house.sudo("alice", "--get", THING, "--no-wait")
    assert submitted.returncode == 0 and re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}\n", submitted.stdout)
    id = submitted.stdout.strip()
    house.approved(id)
    assert grants(SERVICE) == [], "nobody has it in hand"
    kept = house.sudo("alice", "--resume", id)
    assert kept.returncode == 0, kept.stderr
    assert "let in" in house.run("alice", "sh", "-c", f"{kept.stdout}{USE}", SERVICE).stdout
    assert house.jitd("revoke", id, who="alice").returncode == 0
    shutil.rmtree(Path(kept.stdout.strip().partition("FILE:")[2]).parent)


def test_a_daemon_that_is_killed_meanwhile_takes_it_back_when_the_command_ends(house: House) -> None:
    done = house.root / "done"
    wait = f"echo begun; until [ -e {done} ]; do sleep 0.1; done; {USE}; exit 6"
    asked = house.ask("alice", "--get", THING, "--", "sh", "-c", wait, SERVICE)
    house.approved(asked.id)
    begun(asked)
    house.restart()
    wait_for(lambda: has_client(house), what="the client that comes back")
    assert len(grants(SERVICE)) == 1, "the restart has not taken it"
    done.write_text("")
    assert asked.end() == 6, asked.err
    assert "let in" in asked.out
    done.unlink()

    def taken() -> list[dict[str, Any]]:
        return [one for one in house.records() if one["event"] == "holding.taking" and one["id"] == asked.id]

    (taking,) = wait_for(taken, what="the record of it")  # the client does not wait for it
    # A busy host may have ended the command before the client had said who it is: then jitd waits half a minute for it.
    assert taking["detail"]["because"] in ("given back by its holder", "its client did not come back")


def has_client(house: House) -> bool:
    """Whether a client is connected to the daemon: proc(5), net/unix, where 03 is connected."""
    return bool(re.search(rf" 03 \d+ {house.socket.parent}/", Path("/proc/net/unix").read_text()))


def test_the_list_says_what_may_be_asked_for(house: House) -> None:
    done = house.sudo("alice", "-l")
    assert done.returncode == 0
    assert THING in done.stdout and "(rule asked)" in done.stdout
