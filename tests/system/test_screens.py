# SPDX-License-Identifier: Apache-2.0
"""What the programs print on a real terminal (tmux) of 80 and of 40 columns: the terminal itself breaks no line of it.

tmux knows of each line whether it goes on in the next one because the terminal was full, and joins such lines again
(``capture-pane -J``). So a line that the terminal has broken is one that is wider than the terminal.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.cli import HIDDEN, VERBS
from jitpam.wire.shown import cells
from jitpam.wrapping import COMMANDS
from tests.marks import by_day, full
from tests.system.conftest import House
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "database-administrators-on-weekdays"
who = ["group:dba"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
reason = { pattern = "OPS-[0-9]+.*", hint = "the number of a ticket of the operators, such as OPS-4711, and what for" }
grant = { lasts = "1h", uses = 9 }
run = { record = "all", watch = ["group:ops"] }
"""
FAULTY = """
[[permit]]
name = "x"
who = ["group:nobody-has-ever-heard-of-this-group"]
commands = [["journalctl", "-u", "*"], ["cat", "/var/log/[a-z]*|wc"]]
unknown = 7
"""
END = "That was all."
LONG = "apt install --yes postgresql-16 postgresql-16-pgaudit prometheus-postgres-exporter --no-install-recommends"
WHY = "OPS-4711 the replica lags by 40 minutes, and everybody waits for the reports of the month"


WHAT_IS_READ = {
    "alice": (
        (
            "jitsudo",
            "jitsudo -h",
            "jitsudo -l",
            "jitsudo -l {LONG}",
            "jitsudo -n --reason=OPS-2 {LONG}",
            "jitsudo -n --reason=x true",
        ),
        (
            "jitsudo --resume AAAA-AAAA",
            "jitsudo -v",
            "jitsudo -K",
            "jitsudo -n --reason=OPS-1 cd",
            "jitsudo -x",
            "jitsudo --at=x true",
        ),
        ("jitd", "jitd show {id}", "jitd requests", "jitd explain -- {LONG}", "jitd approve {id}", "jitd locks", "jitd deny"),
        ("jitd frobnicate", "jitd audit show", "jitd audit", "jitd status", "jitd requests --all"),
    ),
    "bob": (
        ("jitd", "jitd requests", "jitd show {id}", "jitd approve --yes", "jitd approve --yes {id_begins}", "jitd deny {id}"),
        ("jitd reviews --all", "jitd review {id}", "jitd replay AAAA-AAAA", "jitd watch AAAA-AAAA", "jitd stop AAAA-AAAA"),
        ("jitd withdraw {id}", "jitd revoke {id}", "jitd runs", "jitd grants --all", "jitd doctor", "jitd board"),
    ),
    "root": (
        (
            "jitd status",
            "jitd audit show",
            "jitd audit verify",
            "jitd audit key",
            "jitd audit report",
            "jitd audit pack AAAA-AAAA",
        ),
        (
            "jitd doctor",
            "jitd doctor -v",
            "jitd pam-lint",
            "jitd check",
            "jitd check {file}",
            "jitd explain -- {LONG}",
            "jitd mute",
        ),
        ("jitd reload", "jitd locks --all", "jitd lock --user nobody-at-all", "jitd unlock --user bob", "jitd approve {id}"),
        ("jitd kdc check", "jitd setup", "jitd pam-install sudo --dry-run"),
        ("jitd policy test", "jitd policy import", "jitd policy import --help", "jitd policy"),
    ),
}
"""Person → what they type: every verb, and each with what goes wrong."""
NOT_FOR_PEOPLE = {"metrics", "serve"}
"""``metrics`` is for programs, and ``serve`` is a daemon."""


def test_every_verb_is_read() -> None:
    typed = {line.split()[1] for lines in WHAT_IS_READ.values() for part in lines for line in part if line.startswith("jitd ")}
    assert typed >= VERBS - HIDDEN - NOT_FOR_PEOPLE


class Screen:
    """A terminal of tmux, whose lines all stay."""

    def __init__(self, directory: Path, columns: int, line: list[str]) -> None:
        self._socket = str(directory / "tmux")
        settings = ["set-option", "-g", "history-limit", "9000", ";", "set-option", "-g", "remain-on-exit", "on", ";"]
        self._do("start-server", ";", *settings, "new-session", "-d", "-x", str(columns), "-y", "24", *line)

    def _do(self, *words: str) -> str:
        line = ["tmux", "-u", "-S", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    @property
    def lines(self) -> list[str]:
        """The lines as they were printed: what the terminal has broken is joined again."""
        return [line.rstrip() for line in self._do("capture-pane", "-p", "-J", "-S", "-").rstrip().split("\n")]

    def close(self) -> None:
        self._do("kill-server")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House(POLICY).start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def asked(house: House) -> Iterator[dict[str, str]]:
    one = house.ask("alice", f"--reason={WHY}", *LONG.split())
    faulty = house.root / "faulty.toml"
    faulty.write_text(FAULTY)
    yield {"id": one.id, "id_begins": one.id[:4], "LONG": LONG, "file": str(faulty)}
    house.jitd("withdraw", one.id, who="alice")
    one.end()


SCREENS = [(who, columns) for who in WHAT_IS_READ for columns in (80, 40)]
EVERY_DAY = [("alice", 80), ("bob", 40), ("root", 40)]


@pytest.mark.parametrize(
    ("who", "columns"), by_day(SCREENS, EVERY_DAY, full("every day, each person reads on a terminal of one of the two widths"))
)
def test_the_terminal_breaks_no_line(house: House, asked: dict[str, str], tmp_path: Path, who: str, columns: int) -> None:
    """Only what can be copied, a command or a public key, is wider than the terminal. Such a line has nothing else."""
    typed = [line.format(**asked) for part in WHAT_IS_READ[who] for line in part]
    script = "".join(f"echo; echo '$ {line[:30]}'; {line} </dev/null\n" for line in typed)
    shell = [
        str(word)
        for word in house.line(
            who, "env", "-u", "COLUMNS", "LANG=C.UTF-8", "sh", "-c", f"{script}echo; echo {END}; exec sleep 600"
        )
    ]
    screen = Screen(tmp_path, columns, shell)
    try:
        wait_for(lambda: screen.lines[-1] == END, what="the end of what was typed")
        assert [line for line in screen.lines if cells(line) > columns and not is_command(line)] == []
    finally:
        screen.close()


def is_command(line: str) -> bool:
    words = line.split()
    words = words[1:] if words[0] == "run:" else words
    if words[0] == "ssh-ed25519" and len(words) == 3:
        return True
    return len(words) > 1 and words[1].startswith(COMMANDS.get(words[0].lstrip("`("), ("no command",)))
