# SPDX-License-Identifier: Apache-2.0
"""One tool within another, in scripts, and in programs that start programs. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import LEFTOVERS, Row

SOON = "for i in $(seq 80); do [ -s f ] && break; sleep 0.1; done; ls"
"""What has been made, where a child has yet to make its file: eight seconds are enough to see that it does not. It makes it after
five, so that a hang-up on a busy host comes before.
"""
UNTIL_IT_GOES = "(until [ -e %W/go ]; do sleep 0.02; done; echo x >%W/f)"
"""A child that lives until it is let go, which is after the tool has ended: a tool that waits for it never does."""
LET_GO = f"touch go; {SOON}"
ROWS = [
    Row("root runs the tool again", ("sh", "-c", "asroot id -un")),
    Row("the tool within the tool", ("{tool}", "id", "-un")),
    Row("three times", ("{tool}", "{tool}", "id", "-un")),
    Row("sixteen times", (*["{tool}"] * 15, "sh", "-c", "exit 9")),
    Row("the inner status", ("{tool}", "sh", "-c", "exit 7")),
    Row("the inner signal", ("{tool}", "sh", "-c", "kill -TERM $$")),
    Row("to another user within", ("{tool}", "-u", "bob", "id", "-un")),
    Row("from another user within, who may not", ("-u", "bob", "{tool}", "-n", "id", "-un"), ignores=("err", "status", "speaks")),
    Row("SUDO_USER within is the nearest caller", ("{tool}", "sh", "-c", "echo $SUDO_USER $SUDO_UID $SUDO_COMMAND")),
    Row("input through both", ("{tool}", "cat"), streams="pipe pipe pipe", input=b"abc"),
    Row("much through both", ("{tool}", "head", "-c", "3000000", "/dev/zero")),
    Row(
        "a terminal through both",
        ("{tool}", "sh", "-c", "tty >/dev/null && stty size"),
        streams="terminal terminal terminal",
        around={"size": [33, 99]},
    ),
    Row(
        "keys through both",
        ("{tool}", "sh", "-c", "echo ready; read a; echo got $a"),
        streams="terminal terminal terminal",
        steps=(("until", "ready"), ("type", "x\n")),
    ),
    Row(
        "Ctrl-C through both",
        ("{tool}", "sh", "-c", "echo ready; exec sleep 60"),
        streams="terminal terminal terminal",
        steps=(("until", "ready"), ("type", "\x03")),
    ),
    Row(
        "a signal through both",
        ("{tool}", "sh", "-c", "trap 'echo got; exit 3' TERM; echo ready; sleep 50 & wait"),
        steps=(("until", "ready"), ("signal", "TERM")),
        ignores=("err", "speaks"),  # of the sleep, which the shell leaves
    ),
    Row(
        "a size that changes through both",
        # sudo may send the signal twice
        ("{tool}", "sh", "-c", "trap 'trap \"\" WINCH; stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"),
        streams="terminal terminal terminal",
        steps=(("until", "ready"), ("resize", 44, 111)),
    ),
    Row("sudo in the tool", ("sudo", "id", "-un")),
    Row("sudo in the tool, with its status", ("sudo", "sh", "-c", "exit 8")),
    Row(
        "sudo in the tool, at a terminal",
        ("sudo", "stty", "size"),
        streams="terminal terminal terminal",
        drops=r"jitsudo: processes that outlived [^)]*\)\r\n",  # on a busy host, sudo's monitor ends after sudo
    ),
    Row("su in the tool", ("su", "bob", "-s", "/bin/sh", "-c", "id -un")),
    Row("setpriv in the tool", ("setpriv", "--reuid=4002", "--clear-groups", "id", "-u")),
    Row("env in the tool", ("env", "-i", "A=b", "/usr/bin/env")),
    Row("timeout in the tool", ("timeout", "0.2", "sleep", "50")),
    Row("timeout around the tool", line="timeout 0.3 asroot sleep 50; echo $?"),
    Row("timeout around the tool, in the foreground", line="timeout --foreground 0.3 asroot sleep 50; echo $?"),
    Row("nice around the tool", line="nice asroot true; echo $?"),
    Row("setsid around the tool", line="setsid -w asroot sh -c 'exit 4'; echo $?"),
    Row(
        "script around the tool",
        line="script -qec 'asroot sh -c \"tty >/dev/null && echo terminal; exit 6\"' /dev/null; echo $?",
        drops=r"\^@",
    ),
    Row(
        "Python runs the tool",
        line="python3 -c 'import subprocess, sys\n"
        'r = subprocess.run(["asroot", "sh", "-c", "echo a; exit 5"], capture_output=True, text=True)\n'
        "print(r.returncode, r.stdout); sys.stderr.write(r.stderr)'",
    ),
    Row("Perl runs the tool", line="perl -e 'print `asroot echo a`; print $? >> 8, \"\\n\"'"),
    Row(
        "make runs the tool",
        line="printf 'all:\\n\\t@asroot echo a\\n\\t@asroot sh -c \"exit 3\"\\n' >Makefile; make 2>&-; echo $?; rm Makefile",
    ),
    Row("dash runs the tool", line="asroot sh -c 'exit 3'; echo $?", shell=("/bin/dash",)),
    Row(
        "a script of the tool's own",
        line="printf '#!/usr/bin/env -S asroot sh\\necho script $0 | sed s,/.*/,,; id -un\\n' >s; chmod +x s; ./s a; rm s",
    ),
    Row("a shell function around the tool", line="f() { asroot \"$@\"; }; f echo 'a b'"),
    Row("two at once", line="asroot sh -c 'sleep 1; echo a' & asroot sh -c 'echo b' & wait"),
    Row(
        "twenty at once",
        line="for n in $(seq 20); do asroot echo $n & done | sort -n; wait",
        ignores=("speaks",),  # on a busy host, groups are looked up for longer than jitsudo waits without a word
    ),
    Row("one after another", line="for n in $(seq 10); do asroot echo $n; done"),
    Row("the tool by a path", line="$(command -v asroot) echo a"),
    Row("the tool by exec", line="exec asroot sh -c 'exit 7'"),
    # --- what is left
    Row(
        "a child in the background that writes a file is ended with us",
        ("sh", "-c", "(sleep 5; echo x >%W/f) & true"),
        after=SOON,
        ours={"after": "", "files": {}, "speaks": True},
        because=LEFTOVERS,
        drops="Hangup\n",
    ),
    Row(
        "a child in the background that the rule keeps",
        ("/srv/differential/kept/sh", "-c", "(sleep 0.3; echo x >%W/f) >/dev/null 2>&1 & true"),
        after=SOON,
    ),
    Row(
        "the status comes at once, though a child is left",
        ("/srv/differential/kept/sh", "-c", f"{UNTIL_IT_GOES} >/dev/null 2>&1 & exit 4"),
        after=LET_GO,
    ),
    Row(
        "a child that holds the output: the status comes at once",
        ("/srv/differential/kept/sh", "-c", f"{UNTIL_IT_GOES} & exit 4"),
        around={"drain": 0.1},
        after=LET_GO,
    ),
    Row("a child that is waited for", ("sh", "-c", "(sleep 0.2; echo x) & wait; echo y")),
    Row(
        "a child in a session of its own is ended with us",
        ("sh", "-c", "setsid sh -c 'sleep 5; echo x >%W/f' >/dev/null 2>&1 & true"),
        after=SOON,
        ours={"after": "", "files": {}, "speaks": True},
        because=LEFTOVERS,
    ),
    Row(
        "nohup in the tool has a few seconds",
        (
            "sh",
            "-c",
            "nohup sh -c 'echo x >%W/g; sleep 0.5; echo x >%W/f' >/dev/null 2>&1 & until [ -s %W/g ]; do sleep 0.02; done",
        ),
        after=SOON,
        ours={"speaks": True},
        because=LEFTOVERS,
    ),
    Row(
        "at a terminal: a child in the background",
        ("sh", "-c", "(sleep 5; echo x >%W/f) & true"),
        streams="terminal terminal terminal",
        after=SOON,
        ours={"after": "", "files": {}, "terminal": lambda said: "are ended: sh" in said},
        because=LEFTOVERS,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    compared(row)
