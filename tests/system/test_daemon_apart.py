# SPDX-License-Identifier: Apache-2.0
"""The daemon, watched from its start to its end (strace(1)): it asks no other host but the KDC, and executes no program.

Law: what is asserted is what the kernel was asked for. The helpers are watched too: they show that the watch
sees such calls.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jitd.core.request import RequestState
from tests.system.gated import Gated, gated
from tests.system.prompt import command_lines
from tests.waiting import wait_for

CALLS = "execve,execveat,socket,connect,bind,listen,sendto,sendmsg,sendmmsg,clone,clone3,fork,vfork"
KERBEROS = 88
WHICH = re.compile(r'from jitd\.(?:beside_process import main.*?", "[^"]*", "([a-z-]+)"|monitor\.(launcher))')
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")


@dataclass
class Watched:
    """What each process did: its executions, and the INET addresses that it named. ``parents`` is process → process."""

    executed: dict[int, list[str]] = field(default_factory=dict)
    inet: dict[int, list[str]] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)


def whole_calls(file: Path) -> Iterator[tuple[int, str]]:
    """Thread and call, where a call that strace wrote in two pieces is one."""
    begun: dict[int, str] = {}
    for line in file.read_text("utf-8", "replace").splitlines():
        number, _, call = line.partition(" ")
        thread, call = int(number), call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
        elif found := RESUMED.match(call):
            yield thread, begun.pop(thread, f"{found[1]}(") + call[found.end() :]
        elif not call.startswith(("+++", "---")):
            yield thread, call
    yield from begun.items()  # an execution that ended other threads


def read(file: Path) -> Watched:
    calls = list(whole_calls(file))
    made: dict[int, tuple[int, bool]] = {}
    for thread, call in calls:
        if call.startswith(("clone", "fork", "vfork")) and (found := re.search(r"= (\d+)$", call)):
            made[int(found[1])] = thread, "CLONE_THREAD" in call

    def process_of(thread: int) -> int:
        while thread in made and made[thread][1]:
            thread = made[thread][0]
        return thread

    watched = Watched()
    for child, (by, is_thread) in made.items():
        if not is_thread:
            watched.parents[child] = process_of(by)
    for thread, call in calls:
        process = process_of(thread)
        if call.startswith("execve") and call.endswith("= 0"):
            watched.executed.setdefault(process, []).append(call)
        elif "AF_INET" in call:
            watched.inet.setdefault(process, []).append(call)
    return watched


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gated, Path]]:
    """A daemon that strace follows, with all that descends from it. strace is its grandchild (-D), so its pid is as ever."""
    place = tmp_path_factory.mktemp("traced")
    said, starter = place / "trace", place / "bin" / "jitd"
    starter.parent.mkdir()
    starter.write_text(
        f'#!/bin/sh\nexec strace -D -f -q --seccomp-bpf -v -s 4096 -e trace={CALLS} -o {said} /usr/sbin/jitd "$@"\n'
    )
    starter.chmod(0o755)
    with gated(str(starter)) as made:
        yield made, said
    with suppress(AssertionError):
        wait_for(lambda: tracers(said) == [], within=10.0)
    for pid in tracers(said):  # on a busy machine strace(1) has waited without an end for what had ended
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: tracers(said) == [], what="the end of strace")


def tracers(said: Path) -> list[int]:
    """The strace that writes to ``said``."""
    return [pid for pid, words in command_lines().items() if str(said).encode() in words]


def test_the_daemon_opens_no_inet_socket_but_libkrb5_s_and_executes_nothing_but_the_processes_beside_it(
    traced: tuple[Gated, Path],
) -> None:
    stage, said = traced
    assert stage.start("free").end() == 0 and stage.start("risky").end() == 0
    client = stage.start("ticket")
    made = wait_for(
        lambda: next((one for one in stage.house.kept("requests") if one.state is RequestState.PENDING), None), what="its turn"
    )
    stage.approve(made.id)
    assert client.end() == 0, client.err
    assert stage.ran == ["free", "risky", "ticket"]
    daemon = stage.house.process
    assert daemon is not None
    stage.house.stop()
    wait_for(
        lambda: re.search(rf"^{daemon.pid} +\+\+\+ exited", said.read_text("utf-8", "replace"), re.M), what="the whole trace"
    )

    watched = read(said)
    (by,) = watched.executed.pop(daemon.pid)
    assert "/jitd" in by and "serve" in by, "its own start, and no other"
    children = [calls for process, calls in watched.executed.items() if watched.parents.get(process) == daemon.pid]
    beside = [found[1] or found[2] for calls in children for call in calls[:1] if (found := WHICH.search(call))]
    assert sorted(beside) == ["launcher", "outside", "programs"]
    assert len(children) == len(beside), children

    own = watched.inet.pop(daemon.pid, [])
    named = [call for call in own if not call.startswith("socket(")]
    assert named, "libkrb5 has asked the KDC"
    assert [call for call in named if f"htons({KERBEROS})" not in call] == []
    port = stage.calendar.port
    asking = [process for process, calls in watched.inet.items() if any(f"htons({port})" in call for call in calls)]
    assert asking and all(watched.parents[process] == daemon.pid for process in asking), "jitd-outside has asked the webhook"
