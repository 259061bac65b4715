# SPDX-License-Identifier: Apache-2.0
"""Programs that draw on a terminal, in tmux, and commands within commands.

Law: what is looked at is the screen, as a person sees it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House
from tests.system.prompt import AT_ONCE, command_lines, number
from tests.waiting import PATIENCE, wait_for

DEPTH = 32
ATTACK = """
import fcntl, os, sys, termios
for word in "echo injected\\n":
    for where in [0, *(os.open(path, os.O_RDWR | os.O_NOCTTY) for path in sys.argv[1:])]:
        try:
            fcntl.ioctl(where, termios.TIOCSTI, word.encode())
        except OSError:
            pass
"""


@pytest.fixture(scope="module")
def place() -> Iterator[House]:
    with House(AT_ONCE) as made:
        made.run("alice", "true")
        yield made


class Window:
    """A window of tmux's with a shell of alice's."""

    def __init__(self, house: House, name: str) -> None:
        self.socket = f"/tmp/tmux-{name}"
        shell = [str(word) for word in house.line("alice", "env", "PS1=$ ", "bash", "--norc", "--noprofile", "-i")]
        self.do("new-session", "-d", "-x", "90", "-y", "30", *shell)
        self.shows("$")

    def do(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", self.socket, "-f", "/dev/null", *words], capture_output=True, text=True, check=True
        ).stdout

    @property
    def screen(self) -> str:
        return self.do("capture-pane", "-p")

    @property
    def history(self) -> str:
        """All that was ever on the screen."""
        return self.do("capture-pane", "-p", "-S", "-")

    def type(self, *keys: str) -> None:
        self.do("send-keys", *keys)

    def shows(self, text: str) -> None:
        wait_for(lambda: text in self.screen, what=f"{text!r} on the screen")

    def asks(self, prompt: str) -> None:
        wait_for(lambda: self.screen.rstrip().endswith(prompt), what=f"the prompt {prompt!r}")

    def settle(self) -> None:
        self.asks("$")
        self.type("clear", "Enter")
        self.type("stty -a | grep -o ' -*icanon'; echo at-pro''mpt", "Enter")
        self.shows("at-prompt")
        assert " icanon" in self.screen


def has_terminal(words: list[bytes]) -> bool:
    """True once a process with this command line is in the foreground of its terminal."""
    for pid, line in command_lines().items():
        if line == words:
            with contextlib.suppress(OSError):
                _, _, group, _, _, foreground = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:6]
                return group == foreground
    return False


@pytest.fixture
def window(place: House, request: pytest.FixtureRequest) -> Iterator[Window]:
    made = Window(place, f"{abs(hash(request.node.name)):x}")
    yield made
    made.do("kill-server")


def test_an_editor_is_used_stopped_and_resized(window: Window) -> None:
    file = Path(f"/tmp/by-vi-{number()}")
    window.type(f"jitsudo vim.tiny -u NONE {file}", "Enter")
    window.shows("[New")
    window.type("ifirst line", "Escape")
    window.shows("first line")
    window.type("C-z")
    window.shows("Stopped")
    window.type("fg", "Enter")
    wait_for(lambda: "Stopped" not in window.screen and "first line" in window.screen, what="the editor")
    window.do("resize-window", "-x", "70", "-y", "20")
    wait_for(lambda: window.screen.count("~") >= 15 and len(window.screen.splitlines()) <= 20, what="the new size")
    window.type(":wq", "Enter")
    window.settle()
    assert file.read_text() == "first line\n"
    assert file.owner() == "root"


def test_a_pager_pages_and_quits(window: Window) -> None:
    window.type("jitsudo seq 500 > /tmp/lines; jitsudo less /tmp/lines", "Enter")
    window.shows("29")
    window.type("G")
    window.shows("500")
    window.type("q")
    window.settle()


def test_a_program_that_redraws_is_quit_by_its_key(window: Window) -> None:
    window.type("jitsudo top -d 0.3", "Enter")
    window.shows("load average")
    window.type("q")
    window.settle()


def test_a_manual_page_is_paged(window: Window) -> None:
    page = Path(__file__).parents[2] / "docs/man/jitsudo.1"
    window.type(f"jitsudo man -P less {page}", "Enter")
    window.shows("JITSUDO(1)")
    window.type("q")
    window.settle()


def test_a_shell_within_a_shell_has_its_own_jobs_and_is_suspended_as_one(window: Window, place: House) -> None:
    window.type("jitsudo env PS1='root> ' bash --norc", "Enter")
    window.asks("root>")
    window.type(f"JITD_SOCKET={place.socket} jitsudo env PS1='inner> ' bash --norc", "Enter")
    window.asks("inner>")
    mark = number()
    window.type(f"sleep {mark}", "Enter")
    wait_for(
        lambda: has_terminal([b"sleep", mark.encode()]), what="the command in the foreground"
    )  # before, the key is the shell's
    window.type("C-z")
    window.shows("Stopped")
    window.type("kill -KILL %1; wait; clear", "Enter")
    window.asks("inner>")
    window.type("suspend", "Enter")  # the inner one, which is a job of the shell around it
    window.asks("root>")
    window.type("suspend", "Enter")  # that one, and so all of the outermost job
    window.asks("$")
    window.type("fg", "Enter")
    window.asks("root>")
    window.type("fg", "Enter")
    window.asks("inner>")
    window.type("exit", "Enter")
    window.asks("root>")
    window.type("exit", "Enter")
    window.asks("$")
    window.settle()


def test_thirty_two_within_each_other_work_and_their_status_comes_out(place: House) -> None:
    """THREATS X-15: each of them is root's own, permitted at once and recorded."""
    words: list[str] = []
    for _ in range(DEPTH):
        words += ["env", f"JITD_SOCKET={place.socket}", "jitsudo"]
    before = len(place.rows("runs", "--all"))
    done = place.run("alice", *words, "sh", "-c", "echo deep; exit 42", timeout=10 * PATIENCE)
    assert (done.stdout, done.returncode) == ("deep\n", 42), done.stderr
    assert len(place.rows("runs", "--all")) == before + DEPTH


def test_nothing_that_a_command_pushes_into_a_terminal_arrives_at_the_callers(window: Window) -> None:
    """THREATS X-01: by TIOCSTI, into its own terminal, its controlling one, and its streams. ``root`` may always do so to its
    own.
    """
    Path("/tmp/attack.py").write_text(ATTACK)
    window.type("jitsudo python3 -I /tmp/attack.py /dev/tty; read -t 1 line; echo g''ot \\[$line\\]; echo e''nd", "Enter")
    window.shows("\nend")
    assert "got []" in window.screen and "\ninjected" not in window.screen
    window.settle()


def test_nothing_that_a_command_of_a_pipeline_pushes_into_a_terminal_arrives_at_the_callers(window: Window) -> None:
    """THREATS X-01: the same where the client reads no keys, so that whatever stood in the caller's terminal would stay there."""
    Path("/tmp/attack.py").write_text(ATTACK)
    window.type("jitsudo python3 -I /tmp/attack.py /dev/tty | cat; read -t 1 line; echo g''ot \\[$line\\]; echo e''nd", "Enter")
    window.shows("\nend")
    assert "got []" in window.screen and "\ninjected" not in window.screen
    window.settle()


def test_what_outlives_a_command_cannot_write_to_the_callers_terminal(window: Window) -> None:
    """THREATS X-02."""
    go = Path("/tmp/seen-by-the-caller")
    go.unlink(missing_ok=True)
    writes = "setsid sh -c 'trap : HUP TERM; while sleep 0.1; do echo in\"\"truder >/proc/self/fd/2; done'"
    window.type(f'jitsudo sh -c "{writes} & until [ -e {go} ]; do sleep 0.05; done"', "Enter")
    window.shows("intruder")
    go.touch()
    wait_for(lambda: window.screen.rstrip().endswith("$"), what="the prompt")
    window.settle()
    count = window.screen.count("intruder")
    window.type("sleep 0.5; echo later", "Enter")
    wait_for(lambda: window.screen.count("later") >= 2, what="half a second")
    assert window.screen.count("intruder") <= count


def test_what_ignores_the_hang_up_cannot_write_to_the_callers_terminal_either(window: Window) -> None:
    """THREATS X-02: it lives for five seconds more, and writes to its own terminal."""
    mark = Path(f"/tmp/{number()}")
    mark.unlink(missing_ok=True)  # of a try before, in the same lab
    loop = f"trap '' HUP TERM; while sleep 0.1; do echo intruder >/proc/self/fd/2; echo >>{mark}; done"
    Path("/tmp/outlives.sh").write_text(f'setsid sh -c "{loop}" & until [ -e {mark} ]; do sleep 0.05; done\n')
    window.type(f"jitsudo sh /tmp/outlives.sh; echo o''ver at $(stat -c %s {mark}).", "Enter")
    so_far = int(wait_for(lambda: re.search(r"over at (\d+)\.", window.history), what="the end of the command")[1])
    wait_for(lambda: len(mark.read_text()) > so_far + 3 or not has_process(str(mark)), what="what it writes after the end")
    assert len(mark.read_text()) > so_far, "it has outlived the command"
    while_it_ran, _, afterwards = window.history.partition("over")
    assert "intruder" in while_it_ran and "intruder" not in afterwards
    window.settle()


def has_process(mark: str) -> bool:
    return any(mark.encode() in b" ".join(words) for words in command_lines().values())
