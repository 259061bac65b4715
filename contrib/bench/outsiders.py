# SPDX-License-Identifier: Apache-2.0
"""One person keeps busy all who are slow to answer, and how long another's permitted ``jitsudo true`` takes meanwhile.

Slow are a directory of accounts that hangs, a gatekeeper that takes 30 s, and two providers that print for ever: one prints as
fast as it can, the other one a line each second.
Law: the command that is timed is the real one, and its rule asks nobody. Calm and siege take turns in one run, and each of them
goes first as often as the other.
"""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import NoReturn

from people import Failed, do_as
from sieges import at_work
from starts import ONCE, STARTS, time_start
from table import Bar, Table, at_most

from jitpam.wire import messages
from tests.attacks.raw import asked, connected, submission
from tests.system.conftest import House

CALM, SIEGE = "nobody else asks", "while another keeps all who are slow busy"
MOST, MOST_99, MS_99 = 1.05, 1.10, 5.0
"""What p50 and p99 may be of those in calm; or how many milliseconds p99 may be more, if that is more."""
BESIEGERS = ("alice", "carol", "dave", "eve")
"""One of them in each round: one person may have only so much refused within a minute, and is then refused at once."""
AT_ONCE = 8
"""Questions of each kind that are open at the same time: as many as a lane takes."""
A_SECOND = 10
"""How many questions that were answered are asked again in each second."""
SWITCH = Path("/etc/nsswitch.conf")
SILENT, ASKED = Path("/run/bench-directory-is-silent"), Path("/run/bench-directory-was-asked")
MODULE = Path("/usr/lib/x86_64-linux-gnu/libnss_benchsilent.so.2")
DIRECTORY = r"""
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <unistd.h>
static enum nss_status silent(void) {
    while (!access("/run/bench-directory-is-silent", F_OK)) {
        close(open("/run/bench-directory-was-asked", O_CREAT | O_WRONLY, 0600));
        usleep(50000);
    }
    return NSS_STATUS_NOTFOUND;
}
enum nss_status _nss_benchsilent_getpwnam_r(const char *name, struct passwd *entry, char *room, size_t size, int *error) {
    return silent();
}
enum nss_status _nss_benchsilent_getgrnam_r(const char *name, struct group *entry, char *room, size_t size, int *error) {
    return silent();
}
"""
POLICY = """
[[permit]]
name = "at-once"
who = ["user:bob"]
commands = [["/usr/bin/true"]]

[[permit]]
name = "typed"
who = ["user:alice", "user:carol", "user:dave", "user:eve"]
run_as = ["*"]
commands = [["/usr/bin/whoami"]]

[[permit]]
name = "slow"
who = ["user:alice", "user:carol", "user:dave", "user:eve"]
commands = [["/usr/bin/id", "**"]]
gatekeepers = ["slow"]
expires = "1h"

[[permit]]
name = "torrent"
who = ["user:alice", "user:carol", "user:dave", "user:eve"]
commands = [["/usr/bin/echo", "**"]]
when = 'fact.torrent < 50'

[[permit]]
name = "trickle"
who = ["user:alice", "user:carol", "user:dave", "user:eve"]
commands = [["/usr/bin/printf", "**"]]
when = 'fact.trickle < 50'
"""
SETTINGS = """
[gatekeepers.slow]
kind = "program"
program = ["/usr/bin/sleep", "30"]
deadline = "40s"

[providers.torrent]
kind = "program"
program = ["/usr/bin/yes"]
facts = { torrent = "int" }
deadline = "10s"

[providers.trickle]
kind = "program"
program = ["/usr/bin/python3", "-ISc", "import time; [print('x', flush=True) for _ in iter(lambda: time.sleep(1), 1)]"]
facts = { trickle = "int" }
deadline = "10s"
"""


@contextmanager
def directory() -> Iterator[None]:
    """A directory of accounts behind the host's own files, which does not answer while SILENT is there."""
    source, before = Path("/run/bench-directory.c"), SWITCH.read_text()
    source.write_text(DIRECTORY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", MODULE, source], check=True)
    changed = before
    for database in ("passwd", "group"):
        changed = changed.replace(f"{database}: files", f"{database}: files benchsilent")
    SWITCH.write_text(changed)
    try:
        yield
    finally:
        SILENT.unlink(missing_ok=True)
        ASKED.unlink(missing_ok=True)
        SWITCH.write_text(before)
        MODULE.unlink()
        source.unlink()


def questions() -> list[messages.Message]:
    """What is asked of those who are slow, AT_ONCE of each kind. No two are the same."""
    typed = [messages.Explain(**asked("whoami", user=f"nobody-knows-{number}")) for number in range(AT_ONCE)]
    others = [submission(command, str(number)) for command in ("id", "echo", "printf") for number in range(AT_ONCE)]
    return [*typed, *others]


def keep_busy(house: House, who: str) -> NoReturn:
    """Ask all of it, and ask again what was answered, A_SECOND times a second."""
    open_ = {}
    for question in questions():
        raw = connected(house, who)
        open_[raw.socket] = raw, question
        raw.say(question)
    while True:
        ready, _, _ = select.select(list(open_), [], [])
        for socket in ready:
            raw, question = open_[socket]
            heard = raw.hear()
            if heard is None or isinstance(heard, messages.Start):
                raise Failed("who kept the slow ones busy was let go, or permitted something")
            if isinstance(heard, messages.Done | messages.Refused):
                time.sleep(1 / A_SECOND)
                raw.say(question)


@contextmanager
def siege(house: House, who: str) -> Iterator[None]:
    """While ``who`` keeps all who are slow busy. Afterwards nothing of it is left."""
    ASKED.unlink(missing_ok=True)
    SILENT.touch()
    try:
        with at_work(partial(keep_busy, house, who)):
            until_busy()
            yield
    finally:
        SILENT.unlink()
    until_idle(house)


def programs() -> list[str]:
    """The programs that gatekeepers and providers are run by now, without those that end at once."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if line.startswith(("/usr/bin/sleep 30", "/usr/bin/python3 -ISc import time"))]


def until_busy() -> None:
    """Wait until those who are slow have begun with what they were asked. Raises Failed."""
    until(lambda: ASKED.exists() and len({line.split()[0] for line in programs()}) == 2, "those who are slow were not asked")


def until_idle(house: House) -> None:
    """Wait until no request is open and no program runs. Raises Failed."""
    until(lambda: not programs() and not house.kept("requests"), "those who are slow were not let go")


def until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait until ``is_so``. Raises Failed with ``otherwise``."""
    give_up_at = time.monotonic() + 30
    while not is_so():
        if time.monotonic() > give_up_at:
            raise Failed(otherwise)
        time.sleep(0.1)


def time_starts(house: House, n: int) -> list[float]:
    """Milliseconds of each of bob's ``n`` starts; the first, which nobody counts, is one more."""
    work = partial(starts_of, n + 1)
    found: list[float] = do_as("bob", str(house.socket), work)
    return found[1:]


def starts_of(n: int) -> list[float]:
    return [time_start(STARTS[ONCE]) for _ in range(n)]


def p99(samples: list[float]) -> float:
    """What one in a hundred is above; never more than the most."""
    return quantiles(samples, n=100, method="inclusive")[98]


def measure_outsiders(start: Callable[..., House], config: str, n_rounds: int, n_each: int) -> list[Bar]:
    """Print p50 and p99 of each round's starts in calm and under siege, and return what the bars say."""
    middle = Table(f"p50 of `jitsudo true`, {n_each} starts a round", "ms", peer=CALM)
    slowest = Table(f"p99 of `jitsudo true`, {n_each} starts a round", "ms", peer=CALM)
    all_: dict[str, list[float]] = {CALM: [], SIEGE: []}
    with directory():
        house = start(POLICY, config + SETTINGS)
        for turn in range(n_rounds):
            taken = {}
            for row in (CALM, SIEGE) if turn % 2 else (SIEGE, CALM):
                if row == CALM:
                    taken[row] = time_starts(house, n_each)
                else:
                    with siege(house, BESIEGERS[turn % len(BESIEGERS)]):
                        taken[row] = time_starts(house, n_each)
            for row in (CALM, SIEGE):
                middle.add(row, median(taken[row]))
                slowest.add(row, p99(taken[row]))
                all_[row] += taken[row]
    for table, of in ((middle, median), (slowest, p99)):
        calm, under = of(all_[CALM]), of(all_[SIEGE])
        table.notes.append(f"of all {len(all_[CALM]):,} a side: {calm:.1f} and {under:.1f} ms, {under / calm:.3f} ×")
        table.show()
    return [at_most("a start's p50, while those who are slow are busy", middle.ratios(SIEGE), MOST, "× calm"), bar_99(slowest)]


def bar_99(table: Table) -> Bar:
    """p99 may be a tenth more, or so many milliseconds: whichever is more."""
    what = "a start's p99, while those who are slow are busy"
    if MS_99 / median(table.rows[CALM]) < MOST_99 - 1:
        return at_most(what, table.ratios(SIEGE), MOST_99, "× calm")
    more = [one - calm for one, calm in zip(table.rows[SIEGE], table.rows[CALM], strict=True)]
    return at_most(what, more, MS_99, "ms more")
