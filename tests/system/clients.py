# SPDX-License-Identifier: Apache-2.0
"""A daemon with three rules, people who have their tickets, and what they start: for tests that start many, and kill some.

Law: a client is one process from its start on, so that whoever holds or kills it means it, and not what led to it.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from contextlib import suppress
from typing import Any

from tests.news import without_news
from tests.system.conftest import ID, House
from tests.system.prompt import number
from tests.waiting import PATIENCE

POLICY = """
[[permit]]
name = "at-once"
who = ["group:dba"]
commands = [["/usr/bin/sh", "**"]]
run = { record = "none" }

[[permit]]
name = "asked"
who = ["group:dba"]
commands = [["/usr/bin/bash", "**"]]
run = { record = "none" }
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "recorded"
who = ["group:dba"]
commands = [["/usr/bin/dash", "**"]]
run = { record = "output" }
"""
SHELL = {"at once": "sh", "asked": "bash", "recorded": "dash"}


def person(name: str) -> dict[str, Any]:
    """How a process becomes this person, who has a ticket already."""
    if name == "root":
        return {"cwd": "/"}
    entry = pwd.getpwnam(name)
    return {"user": name, "group": entry.pw_gid, "extra_groups": os.getgrouplist(name, entry.pw_gid), "cwd": "/"}


class Client:
    """``words`` by a person with a ticket, and what it says; ``is_stopped``: it waits for SIGCONT before it begins."""

    def __init__(self, house: House, name: str, *words: str, is_stopped: bool = False) -> None:
        self.err_file = house.root / "said" / f"err-{number()}"
        begin = ["sh", "-c", 'kill -STOP $$; exec "$@"', "sh"] if is_stopped else []
        with self.err_file.open("wb") as err:
            self.process = subprocess.Popen(
                [*begin, *words],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True,
                env={"PATH": "/usr/bin:/bin", "HOME": "/", "JITD_SOCKET": str(house.socket)}, **person(name),
            )  # fmt: skip
        if is_stopped:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    @property
    def err(self) -> str:
        return without_news(self.err_with_news)

    @property
    def err_with_news(self) -> str:
        """All of its standard error."""
        return self.err_file.read_text("utf-8", "replace")

    @property
    def id(self) -> str:
        found = ID.search(self.err)
        return found[1] if found else ""

    def end(self, within: float = PATIENCE) -> int | None:
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        if self.process.poll() is None:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def ready(policy: str = POLICY, config: str = "") -> House:
    """A daemon, and tickets for those who ask and approve."""
    house = House(policy, config).start()
    for name in ("alice", "bob"):
        begun = house.run(name, "true")
        assert begun.returncode == 0, begun.stderr
    (house.root / "said").chmod(0o1777)
    return house
