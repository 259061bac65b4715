# SPDX-License-Identifier: Apache-2.0
"""Jobs of five shells, as a person types them. Law: every test leaves the shell at its prompt with the modes it had, and no
process.
"""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.marks import full
from tests.system.conftest import House, house_with
from tests.system.prompt import AT_ONCE, SHELLS, Prompt, clients, command_lines, guardians, number, state
from tests.waiting import is_at_rest, wait_for

place = house_with(AT_ONCE)


@pytest.fixture(params=SHELLS)
def prompt(place: House, request: pytest.FixtureRequest) -> Iterator[Prompt]:
    made = Prompt(place, request.param)
    yield made
    made.close()


@pytest.fixture
def bash(place: House) -> Iterator[Prompt]:
    made = Prompt(place)
    yield made
    made.close()


def processes(mark: str) -> list[int]:
    """All in whose command line ``mark`` stands, but shells that have it in what they were told to do."""
    return [
        pid for pid, words in command_lines().items() if words[-1] == mark.encode() or any(mark.encode() in w for w in words[1:])
    ]


def sleeper(mark: str) -> int:
    return int(wait_for(lambda: [p for p, w in command_lines().items() if w == [b"sleep", mark.encode()]], what="the command")[0])


def gone(mark: str) -> None:
    wait_for(lambda: not processes(mark), what=f"the end of {[(p, command_lines().get(p)) for p in processes(mark)]}")


def is_stopped(pid: int) -> Callable[[], bool]:
    return lambda: state(pid) == "T"


def is_alive(pid: int) -> Callable[[], bool]:
    return lambda: state(pid) in ("S", "R")


SOME_SHELLS = [
    "dash",
    "zsh",
    *(
        pytest.param(shell, marks=full("every day, the test uses two shells; other tests of the file use all of them"))
        for shell in SHELLS
        if shell not in ("dash", "zsh")
    ),
]
"""For what a shell has no part in, but to notice that a job has stopped or ended."""


def test_a_command_in_the_foreground_has_every_key_and_ctrl_c_ends_it(prompt: Prompt) -> None:
    before, mark = prompt.settings(), number()
    prompt.start(f"jitsudo sh -c 'echo rea\"\"dy; exec sleep {mark}'", mark, ready="ready")
    assert prompt.is_raw
    prompt.key("\x03")
    gone(mark)
    assert prompt.settings() == before


def test_ctrl_z_stops_all_of_it_and_fg_goes_on_with_a_raw_terminal(prompt: Prompt) -> None:
    """THREATS X-04."""
    before, mark = prompt.settings(), number()
    client = prompt.start(f'jitsudo sh -c \'echo rea""dy; read x; echo g""ot $x; exec sleep {mark}\'', mark, ready="ready")
    prompt.key("\x1a")
    wait_for(is_stopped(client), what="the client's stop")
    prompt.settle()
    assert prompt.settings() == before
    assert prompt.told("jobs").lower().find("stopped") >= 0 or "suspended" in prompt.told("jobs").lower()
    prompt.line("fg")
    wait_for(is_alive(client))
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("typed\r")
    prompt.until("got typed")
    command = sleeper(mark)
    prompt.key("\x1a")
    wait_for(is_stopped(client))
    wait_for(is_stopped(command))
    prompt.settle()
    prompt.line("fg")
    wait_for(is_alive(command))
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("\x03")
    gone(mark)
    assert prompt.settings() == before


def test_bg_lets_it_run_without_the_terminal_and_fg_and_ctrl_c_end_it(prompt: Prompt) -> None:
    """THREATS X-04."""
    before, mark = prompt.settings(), number()
    client = prompt.start(f"jitsudo sleep {mark}", mark)
    command = sleeper(mark)
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("\x1a")
    wait_for(is_stopped(client))
    prompt.settle()
    prompt.line("bg")
    wait_for(is_alive(client))
    wait_for(is_alive(command))
    prompt.settle()
    assert prompt.settings() == before
    prompt.line("fg")
    wait_for(lambda: os.tcgetpgrp(prompt.child.child_fd) == os.getpgid(client), what="the foreground")
    prompt.key("\x03")
    gone(mark)
    assert prompt.settings() == before


def test_a_stopped_job_is_killed_by_the_shells_own_kill(prompt: Prompt) -> None:
    before, mark = prompt.settings(), number()
    client = prompt.start(f"jitsudo sleep {mark}", mark)
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("\x1a")
    wait_for(is_stopped(client))
    prompt.settle()
    if prompt.shell == "fish":
        prompt.line("kill (jobs -p | tail -1); fg")
    else:
        prompt.line("kill %1")
        prompt.settle()
        prompt.line("kill -CONT %1")  # some shells do so by themselves
    gone(mark)
    assert prompt.settings() == before


def test_in_the_background_it_is_stopped_when_it_reads_and_reads_after_fg(prompt: Prompt) -> None:
    """THREATS X-04."""
    before, mark = prompt.settings(), number()
    client = prompt.start(f"jitsudo sh -c 'read x; echo g\"\"ot $x {mark}' &", mark)
    wait_for(is_stopped(client), what="the stop of the job")
    prompt.settle()
    prompt.line("fg")
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("text\r")
    prompt.until(f"got text {mark}")
    gone(mark)
    assert prompt.settings() == before


def test_begun_in_the_background_it_gets_the_terminal_when_it_asks_after_fg(prompt: Prompt) -> None:
    before, mark = prompt.settings(), number()
    client = prompt.start(f"jitsudo sh -c 'while [ ! -e /tmp/{mark} ]; do sleep 0.1; done; read x; echo g\"\"ot $x' &", mark)
    wait_for(lambda: len(processes(mark)) > 1)
    prompt.settle()
    prompt.line("fg")
    wait_for(lambda: os.tcgetpgrp(prompt.child.child_fd) == os.getpgid(client), what="the foreground")
    open(f"/tmp/{mark}", "w").close()
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("text\r")
    prompt.until("got text")
    gone(mark)
    assert prompt.settings() == before


@pytest.mark.parametrize("prompt", SOME_SHELLS, indirect=True)
def test_keys_of_a_pipeline_are_the_pagers(prompt: Prompt) -> None:
    before, mark = prompt.settings(), number()
    client = prompt.start(f"jitsudo sh -c 'seq 2000; exec sleep {mark}' | env TERM=xterm less", mark, ready=r"\n22\r")
    wait_for(lambda: is_pager_of(prompt, client), what="the pager")
    (pager,) = (pid for pid, words in command_lines().items() if words[0] == b"less" and os.getpgid(pid) == os.getpgid(client))
    prompt.key(" ")
    prompt.until(r"\n45\r")
    # Interrupted after it has shown a page and before it reads a key, less(1) takes the next key for one that came before.
    wait_for(lambda: is_at_rest(pager), what="a pager that reads keys")
    prompt.key("\x03")  # to all of the job: the pager, and the command
    wait_for(lambda: not clients(mark))
    wait_for(lambda: is_at_rest(pager), what="a pager that reads keys")  # it forgets those that come while it is interrupted
    prompt.key("q")
    gone(mark)
    assert prompt.settings() == before


def is_pager_of(prompt: Prompt, client: int) -> bool:
    """True once the pipeline's job has the terminal and its pager reads keys; a shell's own line editor reads them too."""
    local = termios.tcgetattr(prompt.child.child_fd)[3]
    return os.tcgetpgrp(prompt.child.child_fd) == os.getpgid(client) and not local & (termios.ICANON | termios.ECHO)


def test_a_pipeline_is_stopped_and_goes_on_as_one(prompt: Prompt) -> None:
    before, mark = prompt.settings(), number()
    os.mkfifo(f"/tmp/{mark}")  # no loop around sleep: what is stopped between vfork and exec does not let its parent stop
    client = prompt.start(f'jitsudo sh -c \'echo rea""dy; read x </tmp/{mark}; echo do""ne\' | cat', mark, ready="ready")
    assert not prompt.is_raw
    prompt.key("\x1a")
    wait_for(is_stopped(client))
    prompt.settle()
    prompt.line("fg")
    wait_for(is_alive(client))
    Path(f"/tmp/{mark}").write_text("\n")
    prompt.until("done")
    gone(mark)
    assert prompt.settings() == before


def test_an_end_of_a_pipeline_that_reads_from_it_writes_to_the_terminal(prompt: Prompt) -> None:
    before = prompt.settings()
    assert prompt.told("printf 'a\\nb\\n' | jitsudo sh -c 'cat; echo c'").split() == ["a", "b", "c"]
    assert prompt.told("jitsudo printf 'a\\nb\\n' | jitsudo cat | tr a-z A-Z").split() == ["A", "B"]
    assert prompt.settings() == before


def test_a_client_that_is_stopped_alone_goes_on_with_a_raw_terminal(prompt: Prompt) -> None:
    """THREATS X-04."""
    mark = number()
    client = prompt.start(f'jitsudo sh -c \'echo rea""dy; read x; echo g""ot $x; exec sleep {mark}\'', mark, ready="ready")
    os.kill(client, signal.SIGSTOP)
    wait_for(is_stopped(client))
    wait_for(lambda: os.tcgetpgrp(prompt.child.child_fd) != os.getpgid(client), what="the shell's turn")
    prompt.key("\x03\n")
    prompt.line("stty sane" if prompt.shell != "dash" else "stty sane\n")
    prompt.settle()
    _, *before = prompt.settings().split(":")  # all but the input modes, of which fish has its own after a job
    prompt.line("fg")
    wait_for(is_alive(client))
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("typed\r")
    prompt.until("got typed")
    prompt.key("\x03")
    gone(mark)
    prompt.settle()
    assert "-icanon" not in prompt.told("stty -a")
    assert prompt.settings().split(":")[1:] == before


@pytest.mark.parametrize("prompt", SOME_SHELLS, indirect=True)
def test_a_command_that_is_stopped_by_itself_stops_the_job(prompt: Prompt) -> None:
    before, mark = prompt.settings(), number()
    client = prompt.start(f"jitsudo sleep {mark}", mark)
    command = sleeper(mark)
    os.kill(command, signal.SIGSTOP)
    wait_for(is_stopped(client), what="the client's stop")
    prompt.settle()
    assert prompt.settings() == before
    prompt.line("fg")
    wait_for(is_alive(command))
    wait_for(prompt.is_given(client), what="the terminal")
    prompt.key("\x03")
    gone(mark)
    assert prompt.settings() == before


def test_after_kill_9_of_the_client_the_terminal_is_as_it_was_and_nothing_is_left(prompt: Prompt) -> None:
    """THREATS X-04."""
    before, mark = prompt.settings(), number()
    client = prompt.start(f"jitsudo sleep {mark}", mark)
    sleeper(mark)
    wait_for(prompt.is_given(client), what="the terminal")
    wait_for(lambda: guardians(mark), what="the guardian, which may come to its session later")
    os.kill(client, signal.SIGKILL)
    gone(mark)
    prompt.settle()
    if prompt.shell == "fish":  # it keeps some of what it sees at the instant its job dies, and may be faster than the guardian
        assert " icanon" in prompt.told("stty -a") and " echo " in prompt.told("stty -a")
    else:
        assert prompt.settings() == before


# --- once, in bash -------------------------------------------------------------------------------------------------------


def test_size_and_modes_that_changed_during_a_pause_are_the_commands_afterwards(bash: Prompt) -> None:
    mark = number()
    client = bash.start(f"jitsudo sh -c 'echo rea\"\"dy; read x; stty size; stty -a; echo $x{mark}'", mark, ready="ready")
    bash.key("\x1a")
    wait_for(is_stopped(client))
    bash.settle()
    bash.line("stty intr ^X")
    bash.resize(31, 99)
    bash.settle()
    bash.line("fg")
    wait_for(bash.is_given(client), what="the terminal")
    bash.key("\r")
    bash.until("31 99")
    bash.until(r"intr = \^X;")
    gone(mark)


def test_modes_that_the_command_has_set_survive_a_pause(bash: Prompt) -> None:
    mark = number()
    client = bash.start(f"jitsudo sh -c 'stty -echo; echo rea\"\"dy; read x; stty -a; echo $x{mark}'", mark, ready="ready")
    bash.key("\x1a")
    wait_for(is_stopped(client))
    bash.settle()
    bash.line("fg")
    wait_for(bash.is_given(client), what="the terminal")
    bash.key("\r")
    bash.until(" -echo ")
    gone(mark)


def test_a_size_that_changes_reaches_a_command_that_has_not_the_terminal(bash: Prompt) -> None:
    mark = number()
    bash.start(
        f'jitsudo sh -c \'trap "stty size <&2; exit" WINCH; echo rea""dy; while :; do sleep 0.1; done; : {mark}\' | cat',
        mark,
        ready="ready",
    )
    bash.resize(41, 123)
    bash.until("41 123")
    gone(mark)


def test_an_editor_in_the_background_waits_for_fg(bash: Prompt) -> None:
    before, mark = bash.settings(), number()
    client = bash.start(f"jitsudo env TERM=xterm vim.tiny -u NONE /tmp/edited{mark} &", mark)
    wait_for(is_stopped(client), what="the stop by TTOU")
    bash.settle()
    bash.line("fg")
    wait_for(bash.is_given(client), what="the terminal")
    bash.key("ihello\x1b:wq\r")
    gone(mark)
    assert Path(f"/tmp/edited{mark}").read_text() == "hello\n"
    assert bash.settings() == before


@pytest.mark.parametrize("is_suspended", [False, True])
def test_a_terminal_that_goes_away_ends_the_run(place: House, is_suspended: bool) -> None:
    """THREATS X-04."""
    prompt, mark = Prompt(place), number()
    client = prompt.start(f"jitsudo sleep {mark}", mark)
    sleeper(mark)
    if is_suspended:
        wait_for(prompt.is_given(client), what="the terminal")
        prompt.key("\x1a")
        wait_for(is_stopped(client))
        prompt.settle()
    prompt.hang_up()
    gone(mark)


def test_a_job_that_runs_in_the_background_ends_with_its_terminal(place: House) -> None:
    prompt, mark = Prompt(place), number()
    prompt.start(f"jitsudo sleep {mark} &", mark)
    sleeper(mark)
    prompt.hang_up()
    gone(mark)


def test_signals_of_the_commands_own_process_group_are_not_its_end(bash: Prompt) -> None:
    """THREATS X-03: ``reboot`` signals everything but itself."""
    mark = number()
    Path(f"/tmp/{mark}").unlink(missing_ok=True)  # of a try before, in the same lab
    os.mkfifo(f"/tmp/{mark}")
    client = bash.start(
        f"jitsudo sh -c 'echo rea\"\"dy; read x </tmp/{mark}; for s in TERM HUP INT USR1 USR2; do kill -$s $x; done; sleep 0.3;"
        " echo sur\"\"vived'",
        mark, ready="ready",
    )  # fmt: skip
    Path(f"/tmp/{mark}").write_text(f"{client}\n")
    bash.until("survived")
    gone(mark)


def test_a_signal_of_anybody_elses_is_the_commands(bash: Prompt) -> None:
    """THREATS X-03."""
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM"):
        mark = number()
        client = bash.start(
            f'jitsudo sh -c \'trap "echo cau""ght {name}; exit" {name}; echo rea""dy; while :; do sleep 0.05; done; : {mark}\'',
            mark,
            ready="ready",
        )
        os.kill(client, getattr(signal, f"SIG{name}"))
        bash.until(f"caught {name}")
        gone(mark)


def test_with_b_it_goes_to_the_background_at_once_and_cannot_have_the_terminal(bash: Prompt) -> None:
    before, mark = bash.settings(), number()
    go = Path(f"/tmp/{mark}")
    waits = f"until [ -e {go} ]; do sleep 0.05; done"
    bash.line(f'jitsudo -b sh -c \'echo sta""rted; {waits}; echo la""ter; exec sleep {mark}\'; echo st""atus $?')
    bash.until("status 0")
    go.touch()
    bash.until("later")
    go.unlink()
    assert bash.settings() == before
    (client,) = clients(mark)
    os.kill(client, signal.SIGTERM)
    gone(mark)
    assert bash.settings() == before
