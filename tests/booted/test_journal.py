# SPDX-License-Identifier: Apache-2.0
"""What an administrator reads in the journal of a booted host: who asked for what, who approved it, what ran and how it ended."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from jitd.journal import NATIVE
from tests.booted.conftest import Service, journal, show, systemctl
from tests.waiting import wait_for

ALICE, BOB = "alice@EXAMPLE.TEST", "bob@EXAMPLE.TEST"
PRIVATE = """
[[permit]]
name = "private"
who = ["group:dba"]
run_as = ["root"]
commands = [["/bin/echo", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
visible_to = ["user:carol"]
"""
RECORDS = ("_SYSTEMD_UNIT=jitd.service", "SYSLOG_FACILITY=10")
"""The lines that are made of the record. What the daemon logs of itself has the facility of daemons."""
Entry = dict[str, str | list[str]]


def entries(*matches: str) -> list[Entry]:
    return [json.loads(each) for each in journal("--all", "--output=json", *matches).splitlines()]


def said(*matches: str) -> list[str]:
    return [str(one["MESSAGE"]) for one in entries(*matches)]


def until(event: str, *matches: str) -> list[Entry]:
    """The lines that match, once one of them is about ``event``."""

    def found() -> list[Entry] | None:
        some = entries(*matches)
        return some if any(one.get("JITD_EVENT") == event for one in some) else None

    return wait_for(found, what=event)


def test_journalctl_with_the_id_of_a_request_shows_its_life(service: Service) -> None:
    asking = service.ask("alice", "--reason=CHG-2 deploy", "sh", "-c", "echo said; exit 3")
    assert service.jitd("approve", asking.id, "--yes", "--reason=go on", who="bob").returncode == 0
    assert asking.end() == 3, asking.err
    id = asking.id
    found = until("grant.returned", f"JITD_REQUEST={id}", *RECORDS)
    command = "sh -c 'echo said; exit 3'"
    texts = [str(one["MESSAGE"]) for one in found]
    for said in (
        f"{id}: {ALICE} asked to run {command} as root in ",
        f"{id}: rule lab-dba requires 1 approval from group:ops",
        f'{id}: {BOB} approved it: "go on"',
        f"{id}: the command started as process ",
        f"{id}: the command exited with status 3: {command} as root",
    ):
        assert [text for text in texts if text.startswith(said)], (said, texts)
    assert texts[0].endswith(': "CHG-2 deploy"')
    assert [one["JITD_EVENT"] for one in found][:3] == ["request.submitted", "request.screened", "request.reviewed"]
    for one in found:
        wanted = {"JITD_RULE": "lab-dba", "JITD_REQUESTER": ALICE, "JITD_RUN_AS": "root", "JITD_COMMAND": command}
        assert {name: one.get(name) for name in wanted} == wanted
        assert (one["_SYSTEMD_UNIT"], one["SYSLOG_IDENTIFIER"], one["SYSLOG_FACILITY"]) == ("jitd.service", "jitd", "10")
    assert found[-1]["JITD_APPROVERS"] == BOB
    assert {one["JITD_EVENT"] for one in entries(f"JITD_APPROVERS={BOB}")} >= {"run.ended"}
    numbers = {str(record["number"]) for record in service.records() if str(record.get("id", "")).startswith(id)}
    assert [one["JITD_RECORD"] for one in found] == sorted(numbers, key=int), "each record once, in its order"


def test_a_start_says_each_fact_once(service: Service) -> None:
    systemctl("restart", "jitd.service")
    pid = show("jitd.service", "MainPID")["MainPID"]
    wait_for(lambda: said(f"_PID={pid}", "JITD_EVENT=serving"), what="the line of a daemon that serves")
    until("daemon.started", f"_PID={pid}")
    texts = said(f"_PID={pid}")
    assert len([text for text in texts if "rule" in text]) == 1, texts


def test_nothing_of_what_a_rule_hides_is_in_the_journal(service: Service) -> None:
    """THREATS L-30."""
    with service.with_rules(PRIVATE):
        asking = service.ask("alice", "--reason=about mallory", "echo", "pLanted")
        assert service.jitd("approve", asking.id, "--yes", "--reason=as mallory said", who="bob").returncode == 0
        assert asking.end() == 0, asking.err
        found = until("grant.returned", f"JITD_REQUEST={asking.id}")
    text = json.dumps(found)
    for hidden in ("pLanted", "mallory", ALICE, "echo"):
        assert hidden not in text, hidden
    assert not [name for one in found for name in one if name in ("JITD_COMMAND", "JITD_REQUESTER", "JITD_RULE")]
    texts = [str(one["MESSAGE"]) for one in found]
    assert texts[0].startswith(f"{asking.id}: somebody asked to run ‹hidden› as root")
    assert any(text.startswith(f"{asking.id}: {BOB} approved it") for text in texts)
    assert any("exited with status 0" in text for text in texts)


def test_a_denial_a_revocation_a_lock_and_a_policy_are_in_the_journal(service: Service) -> None:
    with service.with_rules("[[deny]]\nname = 'no-id'\nwho = ['group:dba']\ncommands = [['/usr/bin/id', '**']]\n"):
        denied = service.ask("alice", "id", "-u")
        assert denied.end() == 121
    until("request.screened", "JITD_EVENT=request.screened")
    asking = service.ask("alice", "sleep", "600")
    service.approved(asking.id)
    service.run_of(asking.id)
    service.ended("revoke", asking.id, "--reason=enough", who="bob")
    asking.end()
    texts = [str(one["MESSAGE"]) for one in until("run.ended", f"JITD_REQUEST={asking.id}")]
    assert f'{asking.id}: {BOB} revoked the grant: "enough"' in texts
    assert service.jitd("lock", "--user=dave", "--reason=stolen laptop").returncode == 0
    until("lock.placed", "JITD_EVENT=lock.placed")
    assert service.jitd("unlock", "--user=dave", "--reason=found").returncode == 0
    (locked,) = said("JITD_EVENT=lock.placed")
    assert locked.endswith('root locked account dave until the lock is lifted: "stolen laptop"')
    assert any("put a policy with" in one for one in said("JITD_EVENT=policy.loaded"))
    assert any(
        one.startswith("rule no-id denied it") or ": denied" in one and "no-id" in one
        for one in said("JITD_EVENT=request.screened")
    )


def test_the_start_and_the_end_of_the_daemon_are_in_the_journal_once(service: Service) -> None:
    n_before = {event: len(entries(f"JITD_EVENT={event}")) for event in ("daemon.started", "daemon.stopped")}
    service.restart()
    assert service.jitd("requests").returncode == 0
    until("daemon.started", "JITD_EVENT=daemon.started")
    wait_for(lambda: len(entries("JITD_EVENT=daemon.started")) == n_before["daemon.started"] + 1, what="the start")
    assert len(entries("JITD_EVENT=daemon.stopped")) == n_before["daemon.stopped"] + 1
    assert said("JITD_EVENT=daemon.stopped")[-1] == "jitd stopped, as SIGTERM told it to"
    assert "takes what is recorded" in service.jitd("status").stdout
    numbers = [one["JITD_RECORD"] for one in entries(*RECORDS)]
    assert len(numbers) == len(set(numbers)), "no record twice"


def is_taken() -> bool:
    """Send to the journal until a new socket has no room any more; a socket has a limit of its own, too."""
    n = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                line.sendto(b"MESSAGE=it has no room for this any more\n", NATIVE)
                n += 1
    return n > 0


@pytest.fixture
def silent() -> Iterator[int]:
    """journald is stopped as by a debugger: its socket is there, and nobody reads from it. The value is its pid."""
    systemctl("restart", "systemd-journald.service")
    pid = int(show("systemd-journald.service", "MainPID")["MainPID"])
    os.kill(pid, signal.SIGSTOP)
    while is_taken():
        pass
    yield pid
    os.kill(pid, signal.SIGCONT)


def test_a_journal_that_takes_nothing_keeps_nobody_waiting_and_gets_its_lines_later(service: Service, silent: int) -> None:
    """THREATS L-30."""
    last = int(service.records()[-1]["number"])  # of those before, some may be counted alone: people without a ticket
    asking = service.ask("alice", "true")
    service.approved(asking.id)
    assert asking.end() == 0, asking.err
    os.kill(silent, signal.SIGCONT)
    until("grant.returned", f"JITD_REQUEST={asking.id}")
    numbers = [number for one in entries(*RECORDS) if (number := int(str(one["JITD_RECORD"]))) > last]
    assert numbers == list(range(last + 1, numbers[-1] + 1)), "each record has its line"
    wait_for(lambda: "the journal takes what is recorded again" in service.log(), what="the daemon's word")
    assert "lines of this log that the journal did not take: 1" in service.log(), "what was lost is counted"
