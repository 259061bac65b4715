# SPDX-License-Identifier: Apache-2.0
"""Observed runs, from the rule that wants a watcher to those who watch, leave, hang, and stop what they see.

Law: nothing of a run executes unwatched for longer than its clocks say, whoever goes away and however; and the record says who
watched, from when to when.
"""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pexpect

from tests.on_terminal import OnTerminal
from tests.system.conftest import Asking, House, house_with
from tests.system.killing import children
from tests.waiting import PATIENCE, is_at_rest, is_living, wait_for

POLICY = """
[[permit]]
name = "once"
who = ["group:dba"]
commands = [["/usr/bin/seq", "*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { observed = "required" }
[[permit]]
name = "seen"
who = ["group:dba"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 100 }
run = { observed = "required" }
"""
TICKS = 'i=0; while :; do i=$((i+1)); echo "tick $i"; printf . >> "$1"; sleep 0.2; done'


seen = house_with(POLICY)


class Watcher:
    """``jitd approve ID --watch`` by one person, on a terminal of its own."""

    def __init__(self, house: House, id: str, who: str = "bob") -> None:
        first, *rest = map(str, house.line(who, "jitd", "approve", "--yes", "--watch", id))
        self.screen: Any = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 80))

    def sees(self, text: str) -> None:
        self.screen.expect_exact(text)

    def leave(self) -> None:
        self.screen.send("q")
        self.screen.expect(pexpect.EOF)
        self.screen.close()


def ticking(house: House, *words: str) -> tuple[Asking, Path]:
    """A command of alice that ticks again and again; and the file that grows by a byte each time."""
    file = house.root / "said" / f"ticks-{os.urandom(4).hex()}"
    return house.ask("alice", *words, "sh", "-c", TICKS, "sh", str(file)), file


def count(file: Path) -> int:
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def of_run(house: House, id: str) -> list[dict[str, Any]]:
    """The records about the runs of a request, so far."""
    return [record for record in house.records() if str(record.get("id")).startswith(id) and record["event"].startswith("run.")]


def events(house: House, id: str) -> list[str]:
    """What happened to the runs of a request, once they have ended."""
    wait_for(lambda: state(house, id) == "ended")
    return [record["event"] for record in of_run(house, id)]


def state(house: House, id: str) -> str:
    return str(house.run_of(id).state)


def test_an_observed_command_begins_only_when_somebody_watches_and_the_record_says_who(seen: House) -> None:
    """THREATS A-18"""
    asking, file = ticking(seen)
    seen.approved(asking.id)
    wait_for(lambda: "it begins when somebody watches" in asking.err)
    assert count(file) == 0 and state(seen, asking.id) == "starting"
    watcher = Watcher(seen, asking.id)
    watcher.sees("Ctrl-C stops it")
    watcher.sees("tick 3")
    assert seen.run_of(asking.id).watchers == ("bob@EXAMPLE.TEST",)
    wait_for(lambda: "bob@EXAMPLE.TEST watches" in asking.err, what="the word to alice")  # her client may be later than bob's
    watcher.screen.send("\x03")
    watcher.sees("is gone")
    watcher.screen.expect(pexpect.EOF)
    assert asking.end() != 0
    at = events(seen, asking.id)
    assert at.index("run.observed") < at.index("run.started") < at.index("run.stop_ordered")
    assert "its watcher stopped it" in seen.run_of(asking.id).because


def test_a_grant_of_one_use_is_enough_for_one_observed_run(seen: House) -> None:
    """The use was taken for this run before its approvals are counted again."""
    asking = seen.ask("alice", "seq", "3")
    watcher = Watcher(seen, asking.id)
    watcher.sees("Ctrl-C stops it")
    assert asking.end() == 0, asking.err
    assert asking.out.split() == ["1", "2", "3"]
    watcher.screen.expect(pexpect.EOF)
    (grant,) = [one for one in seen.kept("grants", ended=True) if one.id == asking.id]
    assert (grant.uses, grant.left) == (1, 0)


def test_the_requester_is_nobody_who_watches_and_nothing_begins(seen: House) -> None:
    """THREATS A-18"""
    asking, file = ticking(seen)
    seen.approved(asking.id)
    wait_for(lambda: "it begins when somebody watches" in asking.err)
    for who in ("alice", "eve", "root"):
        watcher = Watcher(seen, asking.id, who)
        watcher.screen.expect(pexpect.EOF)
        watcher.screen.close()
        assert watcher.screen.exitstatus != 0, who
    assert count(file) == 0 and state(seen, asking.id) == "starting"
    assert [record["event"] for record in of_run(seen, asking.id)] == ["run.starting"]
    asking.process.terminate()
    assert asking.end() != 0
    wait_for(lambda: state(seen, asking.id) == "ended")
    assert str(seen.run_of(asking.id).outcome.ending) == "not started"
    assert count(file) == 0


def test_a_run_whose_watcher_leaves_is_frozen_and_goes_on_when_they_come_back(seen: House) -> None:
    """THREATS A-18"""
    asking, file = ticking(seen)
    watcher = Watcher(seen, asking.id)
    watcher.sees("tick 2")
    watcher.leave()
    wait_for(lambda: state(seen, asking.id) == "frozen")
    stands_at = count(file)
    wait_for(lambda: "the command will be frozen in " in asking.err, what="the word to alice")
    again = Watcher(seen, asking.id)
    wait_for(lambda: state(seen, asking.id) == "running")
    wait_for(lambda: count(file) > stands_at + 2)
    again.screen.send("\x03")
    again.screen.expect(pexpect.EOF)
    asking.end()
    at = events(seen, asking.id)
    at = [event for event in at if event in ("run.observed", "run.unobserved", "run.frozen", "run.thawed")]
    assert at[:5] == [
        "run.observed", "run.unobserved", "run.frozen", "run.observed", "run.thawed",
    ]  # fmt: skip


def test_a_stopped_watcher_does_not_count_and_its_run_is_ended_in_the_end_without_running_on(seen: House) -> None:
    """THREATS A-18"""
    asking, file = ticking(seen)
    watcher = Watcher(seen, asking.id)
    watcher.sees("tick 2")
    os.kill(watcher.screen.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: state(seen, asking.id) == "frozen")
        stands_at = count(file)
        wait_for(lambda: state(seen, asking.id) == "ended", within=90)
    finally:
        os.kill(watcher.screen.pid, signal.SIGCONT)
    assert count(file) == stands_at, "it went on while nobody watched"
    assert "nobody has watched it" in seen.run_of(asking.id).outcome.because
    left = next(record for record in of_run(seen, asking.id) if record["event"] == "run.unobserved")
    assert "did not answer" in str(left)
    asking.end()


def test_a_frozen_command_cannot_be_continued_by_its_requester(seen: House) -> None:
    """THREATS A-18"""
    asking, file = ticking(seen)
    watcher = Watcher(seen, asking.id)
    watcher.sees("tick 2")
    watcher.leave()
    wait_for(lambda: state(seen, asking.id) == "frozen")
    stands_at = count(file)
    for _ in range(20):
        asking.process.send_signal(signal.SIGCONT)
    told = [asking.process.pid, *children(seen.launcher)]  # the client, and whoever it could tell: its monitor is one of them
    wait_for(lambda: all(is_at_rest(pid) for pid in told if is_living(pid)), what="all of them")
    time.sleep(0.6)  # three ticks of a command that runs: what is tested is that silence
    assert count(file) == stands_at and state(seen, asking.id) == "frozen"
    again = Watcher(seen, asking.id)
    again.sees("tick")
    again.screen.send("\x03")
    again.screen.expect(pexpect.EOF)
    asking.end()


def test_a_restart_of_jitd_is_survived_by_the_run_and_its_watcher(seen: House) -> None:
    asking, file = ticking(seen)
    watcher = Watcher(seen, asking.id)
    watcher.sees("tick 2")
    seen.restart()
    watcher.sees("the connection to jitd was lost")
    wait_for(lambda: seen.run_of(asking.id).watchers == ("bob@EXAMPLE.TEST",))
    n = count(file)
    wait_for(lambda: count(file) > n + 2)
    watcher.screen.send("\x03")
    watcher.screen.expect(pexpect.EOF)
    asking.end()
    at = events(seen, asking.id)
    left = [record for record in of_run(seen, asking.id) if record["event"] == "run.unobserved"]
    assert at.count("run.observed") == 2 and "jitd was restarted" in str(left[0])


def test_each_use_of_a_lease_needs_a_watcher(seen: House) -> None:
    asking, file = ticking(seen, "--for", "10m")
    watcher = Watcher(seen, asking.id)
    watcher.sees("tick 1")
    watcher.screen.send("\x03")
    watcher.screen.expect(pexpect.EOF)
    asking.end()
    events(seen, asking.id)
    stands_at = count(file)
    later = seen.ask("alice", "sh", "-c", TICKS, "sh", str(file))
    wait_for(lambda: "it begins when somebody watches" in later.err)
    id = re.search(r"jitd approve (\S+) --watch", later.err)
    assert id is not None and id[1] != asking.id
    assert [(run.request, str(run.state)) for run in seen.kept("runs")] == [(id[1], "starting")] and count(file) == stands_at
    second = Watcher(seen, id[1])
    second.sees("tick 2")
    assert count(file) > stands_at
    second.screen.send("\x03")
    second.screen.expect(pexpect.EOF)
    later.end()


def test_without_a_terminal_nobody_watches(seen: House) -> None:
    asking, file = ticking(seen)
    refused = seen.jitd("approve", "--yes", "--watch", asking.id, who="bob")
    assert refused.returncode == 2 and "needs a terminal" in refused.stderr
    assert str(seen.request_of(asking.id).state) == "pending" and count(file) == 0
    asking.process.terminate()
    asking.end()
