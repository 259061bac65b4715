# SPDX-License-Identifier: Apache-2.0
"""One account that does its worst by what everybody may do: what the daemon holds for it, and what it takes from others.

Law: told by bytes, counts and answers; what promises a time is measured by ``make bench``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from jitd.settings.config import Limits
from jitd.verbs.limits import Pace
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import LARGE, frame
from tests.attacks.raw import asked, connected, submission
from tests.attacks.test_between import hand_over
from tests.marks import full
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

MIB = 1024 * 1024
TIMES = 30
"""Messages, each in a connection of its own: thirty held 980 MiB, and everybody up for eight seconds."""
LIST = messages.List(what="requests", ended=False)


def most_held(house: House) -> int:
    """The most bytes of memory that the daemon has ever held."""
    assert house.process is not None
    status = Path(f"/proc/{house.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_message_of_a_million_members_is_refused_before_it_is_decoded(house: House) -> None:
    """THREATS S-15: it was valid JSON, of a valid message, and cost a hundred times its weight."""
    body = encode(messages.Explain(**asked(b"echo")))
    members = body.replace(b'"argv":["ZWNobw=="]', b'"argv":["ZWNobw=="' + b',""' * ((LARGE - 4096) // 3) + b"]")
    before = most_held(house)
    sending = [connected(house, "alice") for _ in range(TIMES)]
    for raw in sending:
        raw.send(frame(raw.seal(members)))
    with connected(house, "bob") as bob:
        bob.rows(LIST)
    assert all(raw.is_closed() for raw in sending), "none of them has an answer"
    for raw in sending:
        raw.close()
    assert most_held(house) - before < 100 * MIB, "no more than is in flight at a time, some times over"


def test_a_long_honest_command_is_answered_whatever_its_account_does_beside(house: House) -> None:
    """The other side: many arguments, and long ones, more at a time than there is room for."""
    with connected(house, "alice") as raw:
        (row,) = raw.rows(messages.Explain(**asked("echo", *["word"] * 19_000)))
        assert len(row["argv"]) == 19_001
    asking = [connected(house, "alice") for _ in range(8)]
    question = messages.Explain(**asked("echo", "x" * 2_000_000))
    with ThreadPoolExecutor(len(asking)) as threads:
        for (answer,) in threads.map(lambda raw: raw.rows(question), asking):
            assert answer["path"] == "/usr/bin/echo"
    for raw in asking:
        raw.close()


LARGE_GRANTS = """
[[permit]]
name = "free"
who = ["user:alice", "user:eve"]
commands = [["/usr/bin/true", "**"]]
"""


LITTLE = 16
"""Ticks for eight questions that read no megabytes. Reading the grants eight times takes hundreds."""


def test_what_is_given_back_and_revoked_is_looked_for_in_a_worker(own_house: Callable[..., House]) -> None:
    """THREATS S-16: eve has grants of megabytes, and asks in many connections at once for what goes through all of them. Told by
    the processor time of the thread that serves everybody, beside that of all threads.
    """
    house = own_house(LARGE_GRANTS, config='[limits]\nruns = "10/s, burst 100000"\n').start()
    with connected(house, "eve") as raw:
        for n in range(12):
            last = raw.ask(submission("true", "x" * 2_500_000 + str(n), waits=False))[-1]
            assert isinstance(last, messages.Done), last
    for question in (messages.Giveback(login_session=None), messages.Revoke(id=None, of="nobody", reason="")):
        before = processor_time(house)
        with connected(house, "eve") as raw:
            for _ in range(8):
                raw.ask(question)
        loop, everything = (after - was for after, was in zip(processor_time(house), before, strict=True))
        assert loop < max(everything / 2, LITTLE), (question, loop, everything)
    with connected(house, "eve") as raw:
        last = raw.ask(messages.Revoke(id=None, of="eve", reason=""))[-1]
        assert isinstance(last, messages.Done) and last.text.startswith("12 grants of eve revoked; "), last
    assert house.kept("grants") == []


def processor_time(house: House) -> tuple[int, int]:
    """Ticks that the daemon has used: the thread with the event loop, and all of them."""
    assert house.process is not None
    pid = house.process.pid
    ticks = [sum(map(int, Path(place).read_text().rpartition(")")[2].split()[11:13])) for place in (
        f"/proc/{pid}/task/{pid}/stat", f"/proc/{pid}/stat"
    )]  # fmt: skip
    return ticks[0], ticks[1]


# --- what is permitted at once -------------------------------------------------------------------------------------------

FREE = """
[[permit]]
name = "free"
who = ["group:dba"]
commands = [["/usr/bin/true"]]

[[permit]]
name = "owed"
who = ["group:dba"]
commands = [["/usr/bin/id"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
FEW = "[limits]\npending_per_person = 3\n"


def test_what_is_permitted_and_left_behind_is_no_more_than_what_may_wait(own_house: Callable[..., House]) -> None:
    """THREATS S-08: 2,597 live grants came from one person in ten seconds. Requests that wait count with them."""
    house = own_house(FREE, FEW).start()
    with connected(house, "alice") as alice:
        waiting = alice.submit("id", waits=False)
        left = [alice.ask(submission("true", waits=False))[-1] for _ in range(10)]
        assert [type(one) for one in left] == [messages.Done] * 2 + [messages.Refused] * 8
        assert "1 of your requests wait to be decided, and 2 grants to be used" in left[-1].text  # type: ignore[union-attr]
        assert alice.refusal(submission("id"))[0] == "denied"
        assert alice.refusal(submission("true", service="sudo", waits=True))[0] == "denied"
        assert isinstance(alice.ask(messages.Withdraw(id=waiting))[-1], messages.Done)
        assert isinstance(alice.ask(submission("true", waits=False))[-1], messages.Done)
    assert len(house.kept("grants")) == 3
    for _ in range(5):
        assert house.sudo("alice", "true").returncode == 0, "what leaves nothing behind goes on"


def test_who_hangs_up_before_each_run_begins_piles_up_no_grants(own_house: Callable[..., House]) -> None:
    """THREATS S-08: the use comes back, and the grant would live on, used by nobody."""
    house = own_house(FREE, FEW).start()
    for n in range(7):
        with connected(house, "alice") as alice:
            last = alice.ask(submission("true"))[-1]
        if isinstance(last, messages.Refused):
            break
        wait_for(lambda: not house.kept("runs"), what=f"the end of run {n}")
    assert isinstance(last, messages.Refused) and "never used" in last.text
    assert len(house.kept("grants")) == 6


def test_who_starts_too_much_at_once_waits_and_root_does_not(own_house: Callable[..., House]) -> None:
    """THREATS S-08: so many in a row, and then so many a second, of what nobody has to approve."""
    rules = FREE.replace('who = ["group:dba"]', 'who = ["group:dba", "user:root"]')
    house = own_house(rules, 'root = "permit"\n[limits]\nruns = "1/s, burst 3"\n').start()
    heard = {}
    for who in ("alice", "root"):
        asking = [connected(house, who) for _ in range(12)]
        for raw in asking:
            raw.say(submission("true", waits=False))
        heard[who] = [raw.hear() for raw in asking]
        for raw in asking:
            raw.close()
    refused = [one.text for one in heard["alice"] if isinstance(one, messages.Refused)]
    assert refused and set(refused) == {"too many commands started at once; try again in a moment"}
    assert {type(one) for one in heard["root"]} == {messages.Progress}


WAITS = """
[[permit]]
name = "waits"
who = ["group:dba", "user:root"]
commands = [["/usr/bin/sleep", "**"]]
"""


def test_what_one_account_has_running_at_a_time_is_bounded(own_house: Callable[..., House]) -> None:
    """THREATS S-08: a client may let go of its connection when its run begins, so that nothing else counted what lives: each run
    is three processes of root's, outside of all limits that the account has. Others are not counted with it, and what ends makes
    room.
    """
    house = own_house(WAITS, "[limits]\nrunning_per_person = 3\n").start()
    held = []
    for _ in range(3):
        with connected(house, "alice") as raw:
            assert isinstance(raw.ask(submission("sleep", "1000"))[-1], messages.Start)
            held.append(raw.descriptors.pop())
            hand_over(held[-1])
    with connected(house, "alice") as raw:
        assert raw.refusal(submission("sleep", "1000")) == (
            "denied", "3 of your commands run already: end some (jitd runs, jitd stop)"
        )  # fmt: skip
    assert house.sudo("root", "sleep", "0").returncode == 0
    os.close(held.pop())
    wait_for(lambda: len(house.kept("runs")) == 2, what="the end of one")
    assert house.sudo("alice", "sleep", "0").returncode == 0
    for control in held:
        os.close(control)
    wait_for(lambda: house.kept("runs") == [], what="the end of all")


def test_permitted_runs_in_a_row_in_a_shell_loop_all_run(own_house: Callable[..., House]) -> None:
    """The other side of S-08: scripts live on it. Each leaves nothing behind, however few may wait."""
    house = own_house(FREE, FEW).start()
    loop = "for n in $(seq 40); do jitsudo true || exit; done"
    assert house.run("alice", "sh", "-c", loop).returncode == 0
    wait_for(lambda: house.kept("grants") == [], what="the end of the last grant")
    assert len(house.kept("runs", ended=True)) == 40


@full("1,500 runs take a minute; every day, one test makes 40 runs, and another test checks the limit's numbers")
def test_fifteen_hundred_permitted_runs_in_a_row_all_run(own_house: Callable[..., House]) -> None:
    """The other side of S-08, with the defaults."""
    house = own_house(FREE).start()
    loop = "for n in $(seq 1500); do jitsudo true || exit; done"
    client = subprocess.Popen(house.line("alice", "sh", "-c", loop), stdin=subprocess.DEVNULL, cwd="/")
    n_ended = 0
    try:
        while client.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                client.wait(PATIENCE)
            before, n_ended = n_ended, len(house.kept("runs", ended=True))
            assert n_ended > before, f"no run has ended in {PATIENCE} s, after {before}"
    finally:
        client.kill()
    assert (client.wait(), n_ended) == (0, 1500)


def test_the_bucket_of_runs_holds_two_thousand_and_fills_by_ten_a_second() -> None:
    """THREATS S-08: the defaults, by their numbers."""
    rate = Limits().runs
    pace = Pace(rate.per_second, rate.burst)
    assert all(pace.may(1001, 50.0) for _ in range(2000))
    assert not pace.may(1001, 50.0) and pace.may(1002, 50.0)
    assert [pace.may(1001, 51.0) for _ in range(11)] == [True] * 10 + [False]
