# SPDX-License-Identifier: Apache-2.0
"""`make fleet`: it ends as told on a screen, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pexpect
import pytest

from contrib.fleet.hub import NATS_SERVER
from tests.leftovers import mounts, running, scratch
from tests.marks import by_day, full
from tests.on_terminal import OnTerminal
from tests.waiting import PATIENCE, wait_for

DEMO = str(Path(__file__).parents[2] / "contrib/fleet/demo")
MOST_LINES, COLUMNS = 90, 80
WITHIN = 4 * PATIENCE


@full("every day, the lane of the other release plays it, and tests/fleet/test_three_hosts.py does what it shows")
def test_the_main_job_is_shown_over_three_hosts_on_few_lines_of_a_terminal() -> None:
    done = subprocess.run([DEMO], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) < MOST_LINES and max(map(len, lines)) <= COLUMNS, done.stdout
    for told in (
        r"ESTAB 198\.51\.100\.11:\d+ 198\.51\.100\.2:4222\n\n",
        r'\n[\w-]+  db1   alice .*  wc -l /etc/shadow\n  "replica lag, CHG-4711"\n',
        r"a approve · d deny .*\njitd on db1\.example\.test: request [\w-]+ is approved",
        r"jitsudo: approved by bob@EXAMPLE.TEST\n\d+ /etc/shadow",
        r'jitsudo: denied by bob@EXAMPLE.TEST: "change number\?"',
        r"the engine at 198\.51\.100\.2:4222 cannot be reached:\n +Connection refused",
        r'jitsudo: revoked by bob@EXAMPLE.TEST: "call me first"',
        r"audit: \d+ records, chain whole",
    ):
        assert re.search(told, done.stdout), f"{told}\n{done.stdout}"


def seen() -> tuple[Counter[bytes], Counter[str], set[str]]:
    return Counter(b" ".join(line) for line in running().values()), mounts(), scratch()


OTHER_SIGNALS = full("every day, it is ended by Ctrl-C, and the lane of the other release plays it to its end")


@pytest.mark.parametrize("ended_by", by_day(["Ctrl-C", signal.SIGTERM, signal.SIGKILL], ["Ctrl-C"], OTHER_SIGNALS))
def test_it_leaves_nothing_behind_when_it_is_ended_in_the_midst(ended_by: str | signal.Signals) -> None:
    before = seen()
    demo = OnTerminal(DEMO, [], timeout=WITHIN)
    try:
        demo.expect("bob asks all hosts at once")
        assert sum(line[0] == NATS_SERVER.encode() for line in running().values()) == 1 and seen() != before
        if isinstance(ended_by, str):
            demo.send("\x03")
        else:
            os.kill(demo.pid, ended_by)
        demo.expect(pexpect.EOF)
        demo.wait()
    finally:
        demo.close(force=True)
    wait_for(lambda: seen() == before, what="the end of all that it has started")
