# SPDX-License-Identifier: Apache-2.0
"""The terminal: its modes, size and keys, job control by a shell, and what is left of it. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import SIGNALS, Row, if_newer

ALL = "terminal terminal terminal"
JOB = {"types": True}
PROMPT = {"PS1": "$ ", "PROMPT_COMMAND": None, "HISTFILE": "/dev/null"}
SIGNS = r"(?<=\] )[0-9]+|\r|\x1b\[\?2004[hl]"
"""Numbers of processes in what a shell says of its jobs, and its own signs to the terminal; how many returns end a line."""


def typed(name: str, *steps: tuple, **more) -> Row:
    """Steps at an interactive shell, which ``enter`` waits for and ``type`` does not; it is left by ``exit``."""
    steps = (*steps, ("enter", "exit\n"))
    return Row(
        name,
        line="",
        shell=("/bin/bash", "--norc", "--noprofile", "-i"),
        streams=ALL,
        env=PROMPT,
        around=JOB,
        steps=steps,
        drops=SIGNS,
        **more,
    )


def at(name: str, command: str, *steps: tuple, **more) -> Row:
    return Row(name, ("sh", "-c", command), streams=more.pop("streams", ALL), steps=steps, **more)


ROWS = [
    # --- what the command sees
    at("all three are terminals", "for n in 0 1 2; do [ -t $n ] && echo $n; done"),
    at("it is a terminal of its own", "[ $(tty) != $CALLERS ] && echo another", env={"CALLERS": "x"}),
    at("the controlling terminal is the one of the streams", "[ $(readlink /proc/self/fd/0) = $(tty) ] && echo x >/dev/tty"),
    at("the terminal is the target's", "stat -c '%U %a' $(tty)"),
    Row("the terminal is another target's", ("-u", "bob", "sh", "-c", "stat -c '%U %a' $(tty)"), streams=ALL),
    at("it can be opened by name", "echo x >$(tty)"),
    at("the command is in the foreground", "[ $(ps -o tpgid= -p $$) = $(ps -o pgid= -p $$) ] && echo yes"),
    at("its size", "stty size", around={"size": [31, 97]}),
    at("its size, if it has none", "stty size", around={"size": [0, 0]}),
    at("its size, by one that asks the errors", "stty size <&2", around={"size": [31, 97]}),
    at("its modes in a plain case", "stty -g"),
    *(
        at(f"its modes after stty {words}", "stty -g", around={"stty": [words]})
        for words in (
            "-echo",
            "-icanon",
            "intr ^X",
            "erase ^H",
            "-onlcr",
            "-ixon",
            "tostop",
            "iutf8",
            "-icrnl",
            "noflsh",
            "raw",
            "eof ^G",
            "kill ^K susp ^Y",
            "9600",
            "-opost",
            "-echoe -echok",
            "ixany ixoff",
            "min 2 time 3",
        )
    ),
    at(
        "its modes, if only the input is a terminal",
        "stty -a <&0 | head -1",
        streams="terminal pipe pipe",
        around={"size": [31, 97]},
    ),
    at(
        "a size that changes",
        "trap 'trap \"\" WINCH; stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done",  # sudo may send it twice
        ("until", "ready"),
        ("resize", 50, 132),
    ),
    at(
        "a size that changes twice",
        # sudo may send the first signal twice, so a size that is the same is not said again
        'trap \'s=$(stty size); [ "$s" = "$o" ] || echo $s; o=$s\' WINCH; echo ready; '
        "until [ \"$o\" = '20 40' ]; do sleep 0.05; done",
        ("until", "ready"),
        ("resize", 50, 132),
        ("until", "50 132"),
        ("resize", 20, 40),
    ),
    at(
        "a size that does not change says nothing",
        "trap 'echo changed' WINCH; echo ready; sleep 3; echo end",
        ("until", "ready"),
        ("resize", 24, 80),
    ),
    # --- keys
    at("a line that is typed", "read a; echo got $a", ("raw", True), ("type", "hello\n")),
    at("a line that is typed and corrected", "read a; echo got $a", ("raw", True), ("type", "helx\x7flo\n")),
    at("a line that is typed before it is asked for", "sleep 0.2; read a; echo got $a", ("raw", True), ("type", "early\n")),
    at(
        "the tool is stopped as nobody can catch it, and continued by whom does not mend the terminal",
        "echo ready; read a; echo got $a",
        ("raw", True),
        ("until", "ready"),
        ("signal", "STOP"),
        ("stopped",),
        ("pause", 0.2),
        ("raw", True),
        ("signal", "CONT"),
        ("type", "hello\n"),
        **if_newer(ours={"terminal": "ready\r\nhello\r\ngot hello\r\n"}, because=SIGNALS),
    ),
    at("two lines for two commands", "read a; sh -c 'read b; echo $b'; echo $a", ("raw", True), ("type", "one\ntwo\n")),
    at("the end of file by a key", "cat; echo end", ("raw", True), ("type", "text\n"), ("pause", 0.05), ("type", "\x04")),
    at(
        "keys without lines",
        "stty -icanon -echo; echo ready; dd bs=1 count=3 2>/dev/null | od -An -c",
        ("until", "ready"),
        ("type", "abc"),
    ),
    at(
        "every key in raw mode",
        "stty raw -echo; echo ready; dd bs=1 count=255 2>/dev/null | sha256sum",
        ("until", "ready"),
        *(("type", bytes(range(n, min(n + 64, 256)))) for n in range(1, 256, 64)),
    ),
    at("a long line", "read a; echo ${#a}", ("raw", True), ("type", "x" * 3000 + "\n")),
    at(
        "a password that is not shown",
        "stty -echo; echo ready; read a; stty echo; echo got $a",
        ("until", "ready"),
        ("type", "secret\n"),
    ),
    at("Ctrl-C", "echo ready; sleep 50; echo not here", ("until", "ready"), ("type", "\x03")),
    at(
        "Ctrl-C that is caught",
        "trap 'kill $!; wait; echo caught; exit 4' INT; sleep 50 & echo ready; wait",
        ("until", "ready"),
        ("type", "\x03"),
    ),
    at("Ctrl-C that is ignored", "trap '' INT; echo ready; sleep 3; echo end", ("until", "ready"), ("type", "\x03")),
    at("Ctrl-\\\\", "ulimit -c 0; echo ready; exec sleep 50", ("until", "ready"), ("type", "\x1c")),
    at(
        "Ctrl-\\\\ that is caught",
        "trap 'echo caught; exit 4' QUIT; echo ready; sleep 50 & wait",
        ("until", "ready"),
        ("type", "\x1c"),
        ignores=("terminal",),
    ),
    at(
        "another key for an interrupt",
        "echo ready; sleep 50; echo not here",
        ("until", "ready"),
        ("type", "\x18"),
        around={"stty": ["intr ^X"]},
    ),
    at(
        "Ctrl-C in raw mode is a byte",
        "stty raw -echo; echo ready; dd bs=1 count=1 2>/dev/null | od -An -tx1",
        ("until", "ready"),
        ("type", "\x03"),
    ),
    at(
        "Ctrl-S and Ctrl-Q",
        "echo ready; sleep 0.2; echo end",
        ("until", "ready"),
        ("type", "\x13"),
        ("pause", 0.4),
        ("type", "\x11"),
    ),
    at(
        "Ctrl-C in a pipeline",
        "trap 'kill $!; wait; echo caught >&2; exit 4' INT; sleep 50 & echo ready >&2; wait",
        ("until", "ready"),
        ("type", "\x03"),
        streams="terminal pipe terminal",
        drops="\r",
    ),
    at(
        "Ctrl-C where only the errors are a terminal",
        "trap 'kill $!; wait; echo caught >&2; exit 4' INT; sleep 50 & echo ready >&2; wait",
        ("until", "ready"),
        ("type", "\x03"),
        streams="null pipe terminal",
        drops="\r",
    ),
    # --- afterwards
    at("modes that the command leaves changed are not the caller's", "stty raw -echo; stty intr ^X"),
    at("modes after a command that is killed", "stty raw; kill -KILL $$"),
    at("modes after a command that dies of Ctrl-C", "echo ready; exec sleep 50", ("until", "ready"), ("type", "\x03")),
    at("modes after the tool is told to end", "echo ready; exec sleep 50", ("until", "ready"), ("signal", "TERM")),
    at("modes after the tool is told to hang up", "echo ready; exec sleep 50", ("until", "ready"), ("signal", "HUP")),
    at("modes of a caller that were odd", "true", around={"stty": ["-echo intr ^X"]}),
    at("modes of a caller that were raw", "printf x", around={"stty": ["raw -echo"]}),
    at("modes after what cannot be executed", "exec /srv/differential/bin/missinginterpreter"),
    Row("modes after what is not there", ("nosuchcommand",), streams=ALL, ignores=("terminal",), refused=127),
    at(
        "the terminal goes away",
        "trap 'echo hup >%W/marker; exit' HUP; echo ready; n=0; while [ $n -lt 1200 ]; do sleep 0.05; n=$((n+1)); done",
        ("until", "ready"),
        ("hang up",),
        after="for i in $(seq 600); do [ -s marker ] && break; sleep 0.1; done; cat marker",
        ignores=("status", "modes"),
    ),
    at("output without a newline at the end", "printf end"),
    at("output at the very end", "seq 300; exec printf last"),
    at("the last words of a command that dies", "echo last; kill -KILL $$"),
    at("colours and signs", "printf '\\033[1mbold\\033[0m\\007'"),
    at("tabs and backspaces", "printf 'a\\tb\\bc\\n'"),
    at("a terminal that does not control the tool", "tty | sed 's/[0-9]*$//'; echo x", around={"controls": False}, drops="\r"),
    # --- a shell's jobs
    typed("a command at the prompt", ("enter", "asroot echo hello\n"), ("again", "hello", 2)),
    typed("its status at the prompt", ("enter", "asroot sh -c 'exit 3'; echo st$?\n"), ("until", "st3")),
    typed(
        "Ctrl-C at the prompt",
        ("enter", "asroot sh -c 'echo rea''dy; sleep 50'\n"),
        ("until", "ready"),
        ("type", "\x03"),
        ("again", r"\$ ", 2),
        ("enter", "echo st$?\n"),
        ("until", "st130"),
    ),
    typed(
        "Ctrl-Z and fg",
        ("enter", "asroot sh -c 'echo rea''dy; sleep 6; echo do''ne'\n"),
        ("until", "ready"),
        ("pause", 0.15),
        ("type", "\x1a"),
        ("until", "Stopped"),
        ("enter", "fg\n"),
        ("until", "done"),
    ),
    typed(
        "Ctrl-Z and its status",
        ("enter", "asroot sh -c 'echo rea''dy; exec sleep 50'\n"),
        ("until", "ready"),
        ("pause", 0.1),
        ("type", "\x1a"),
        ("until", "Stopped"),
        ("enter", "echo st$?\n"),
        ("until", "st148"),
        ("enter", "fg\n"),
        ("pause", 0.3),
        ("type", "\x03"),
    ),
    typed(
        "Ctrl-Z, the modes are the shell's again",
        ("enter", "asroot sh -c 'stty raw -echo; echo rea''dy; kill -STOP $$; stty sane'\n"),
        ("until", "ready"),
        ("until", "Stopped"),
        ("enter", "stty -a | grep -o -- ' .\\?icanon'\n"),
        ("until", r"\bicanon"),
        ("enter", "fg\n"),
        ("pause", 0.3),
    ),
    typed(
        "Ctrl-Z twice",
        ("enter", "asroot sh -c 'echo rea''dy; sleep 4; echo do''ne'\n"),
        ("until", "ready"),
        ("pause", 0.15),
        ("type", "\x1a"),
        ("until", "Stopped"),
        ("enter", "fg\n"),
        ("pause", 0.3),
        ("type", "\x1a"),
        ("again", "Stopped", 2),
        ("enter", "fg\n"),
        ("until", "done"),
    ),
    typed(
        "Ctrl-Z and bg",
        ("enter", "asroot sh -c 'echo rea''dy; sleep 2; echo do''ne >%W/f'\n"),
        ("until", "ready"),
        ("pause", 0.15),
        ("type", "\x1a"),
        ("until", "Stopped"),
        ("enter", "bg\n"),
        ("pause", 0.2),
        ("enter", "wait; cat f\n"),
        ("until", "done"),
        ignores=("terminal",),
    ),
    typed(
        "a job in the background",
        ("enter", "asroot sh -c 'sleep 0.2; echo do''ne >%W/f' &\n"),
        ("again", r"\$ ", 2),
        ("enter", "wait; cat f\n"),
        ("until", "done"),
        ignores=("terminal",),
    ),
    typed(
        "a job in the background that writes",
        ("enter", "asroot echo hel''lo &\n"),
        ("until", "hello"),
        ("type", "\nwait\n"),
        ignores=("terminal",),
    ),
    typed(
        "a job in the background that reads is stopped",
        ("enter", "asroot sh -c 'read a; echo got $a' &\n"),
        ("type until", "\n", "Stopped"),
        ("enter", "fg\n"),
        ("pause", 0.2),
        ("type", "text\n"),
        ("until", "got text"),
        ignores=("terminal",),
    ),
    typed(
        "a job in the background leaves the modes alone",
        ("enter", "asroot sleep 0.3 &\n"),
        ("again", r"\$ ", 2),
        ("enter", "stty -a | grep -o -- ' .\\?icanon'\n"),
        ("until", r"\bicanon"),
        ("enter", "wait\n"),
        ignores=("terminal",),
    ),
    typed(
        "a pipeline that is stopped",
        ("enter", "asroot sh -c 'echo rea''dy >&2; sleep 4; echo do''ne' | cat\n"),
        ("until", "ready"),
        ("pause", 1.0),  # on a busy host, sudo has lost a key that came sooner
        ("type", "\x1a"),
        ("until", "Stopped"),
        ("enter", "fg\n"),
        ("until", "done"),
    ),
    typed(
        "a pipeline into a reader of the terminal",
        ("enter", "asroot seq 3 | (cat; read a </dev/tty; echo got $a)\n"),
        ("until", "3\r"),
        ("pause", 0.2),
        ("type", "text\n"),
        ("until", "got text"),
        ignores=("terminal",),
    ),
    typed(
        "a shell of root's at the prompt",
        ("enter", "asroot sh -c 'PS1=ro\\ot\\>; export PS1; exec sh -i'\n"),
        ("until", "root>"),
        ("type", "id -un\n"),
        ("until", "root\r"),
        ("type", "exit 5\n"),
        ("pause", 0.2),
        ("enter", "echo st$?\n"),
        ("until", "st5"),
        ignores=("terminal",),
    ),
    typed(
        "jobs of a shell of root's",
        ("enter", "asroot env PS1='ro''ot>' bash --norc -i\n"),
        ("enter", "sh -c 'echo rea''dy; exec sleep 50'\n", "root>"),
        ("until", "ready"),
        ("pause", 0.1),
        ("type", "\x1a"),
        ("until", "Stopped"),
        ("enter", "kill -KILL %1; sleep 0.2\n", "root>"),
        ("enter", "exit 6\n", "root>"),
        ("enter", "echo st$?\n"),
        ("until", "st6"),
        ignores=("terminal",),
    ),
    typed(
        "a stopped command that is killed",
        ("enter", "asroot sh -c 'echo rea''dy; exec sleep 50'\n"),
        ("until", "ready"),
        ("pause", 0.1),
        ("type", "\x1a"),
        ("until", "Stopped"),
        ("enter", "kill -CONT %1; kill -TERM %1; wait %1; echo st$?\n"),
        ("until", "st[0-9]"),
        ignores=("terminal",),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    compared(row)
