# SPDX-License-Identifier: Apache-2.0
"""Standard streams: every mixture of kinds, much data, and ends that go away. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import STREAMS, Row
from tests.marks import full

KINDS = ("pipe", "file", "null", "closed", "socket", "terminal")
TALK = "cat; echo out; echo err >&2; for n in 0 1 2; do [ -t $n ] && echo terminal $n; done >>%W/seen; exit 3"


def mixture(stdin: str, stdout: str, stderr: str) -> Row:
    """Reads all, says something on both; a terminal is told the end of file.

    What sudo passes on as a closed stream cannot be read or written, and is /dev/null with us; how often a typed line is shown
    in a pipeline, and how many returns end a line, is left to either.
    """
    talk, steps = TALK, ()
    if stdin == "terminal":
        talk = "echo ready >/dev/tty; " + TALK
        raw = ("raw or over",) if stdout == "closed" else ("raw", True)  # sudo's cat has nowhere to write, and reads nothing
        steps = (("until", "ready"), ("type", "typed\n"), raw, ("type", "\x04"))
    input = b"given\n" if stdin in ("pipe", "file", "socket") else b""
    return Row(f"input {stdin}, output {stdout}, errors {stderr}", ("sh", "-c", talk), streams=f"{stdin} {stdout} {stderr}",
               input=input, steps=steps, around={"terminal": True},
               drops=r"\r|(?:cat|sh): [^\n]*(?:Bad file descriptor|I/O error)\r*\n", mask=r"(?:typed\n)+")  # fmt: skip


def big(name: str, command: str, **more) -> Row:
    return Row(name, ("sh", "-c", command), **more)


TERMINALS_AND_OTHERS = (
    ("terminal", "terminal", "pipe"),
    ("terminal", "pipe", "terminal"),
    ("pipe", "terminal", "terminal"),
    ("terminal", "closed", "terminal"),
    ("closed", "terminal", "terminal"),
    ("pipe", "terminal", "closed"),
    ("closed", "closed", "pipe"),
)
"""The places of two terminals, and of closed streams beside them; those of one are among all kinds at each place."""
MUCH = bytes(range(256)) * 4096 * 4
ROWS = [
    *(mixture(stdin, "pipe", "pipe") for stdin in KINDS),
    *(mixture("null", stdout, "pipe") for stdout in KINDS[1:]),
    *(mixture("null", "pipe", stderr) for stderr in KINDS[1:]),
    *(mixture(kind, kind, kind) for kind in KINDS[1:]),
    *(mixture(*kinds) for kinds in TERMINALS_AND_OTHERS),
    Row(
        "a closed stream can be read and written",
        ("sh", "-c", "cat; echo x"),
        streams="closed closed pipe",
        ours={"status": 0, "err": ""},
        because=STREAMS,
    ),
    Row("output and errors are one pipe", ("sh", "-c", "echo a; echo b >&2; echo c"), streams="null pipe same"),
    Row("output and errors are one file", ("sh", "-c", "echo a; echo b >&2; echo c"), streams="null file same"),
    Row("input is /dev/zero", ("sh", "-c", "head -c 100000 | sha256sum"), streams="zero pipe pipe"),
    Row("output is /dev/full", ("sh", "-c", "echo x; echo $? >&2"), streams="null full pipe"),
    Row(
        "input that is open for writing only",
        ("cat",),
        streams="wrongway pipe pipe",
        ours={"status": 126, "err": "", "speaks": True},
        because=STREAMS,
    ),
    Row(
        "output that is open for reading only",
        ("echo", "x"),
        streams="null wrongway pipe",
        ours={"status": 126, "err": "", "speaks": True},
        because=STREAMS,
    ),
    Row(
        "input is a directory",
        ("cat",),
        streams="directory pipe pipe",
        ours={"err": lambda err: "is a directory" in err},
        because=STREAMS,
    ),
    Row("input is empty", ("cat",), streams="pipe pipe pipe"),
    Row("input is an empty file", ("cat",), streams="file pipe pipe"),
    Row("input that is not read", ("echo", "x"), streams="pipe pipe pipe", input=MUCH),
    Row(
        "input of which only the first line is read",
        ("sh", "-c", "read a; echo $a"),
        streams="pipe pipe pipe",
        input=b"one\ntwo\n",
    ),
    Row(
        "input of a file is read from where it stands, and left there",
        line="exec <.given; read a; asroot sh -c 'read b; echo got $b'; read c; echo $a $c",
        before="printf 'one\\ntwo\\nthree\\n' >.given",
    ),
    Row("input that stays open is not waited for", ("echo", "x"), streams="pipe pipe pipe", around={"open_input": True}),
    Row(
        "input that comes late",
        ("cat",),
        streams="pipe pipe pipe",
        around={"open_input": True},
        steps=(("pause", 0.3), ("feed", "late"), ("pause", 0.1), ("end input",)),
    ),
    Row("input whose writer has gone", ("sh", "-c", "cat; echo end"), streams="gone pipe pipe"),
    Row("much data through two pipes", ("cat",), streams="pipe pipe pipe", input=MUCH),
    Row("much data from a file to a file", ("cat",), streams="file file pipe", input=MUCH),
    Row("much data through two sockets", ("cat",), streams="socket socket pipe", input=MUCH),
    Row("much data on both outputs", ("sh", "-c", "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2"), ignores=("err",)),
    Row("twenty megabytes", ("head", "-c", "20000000", "/dev/zero")),
    Row("much output to a terminal", ("seq", "20000"), streams="terminal terminal terminal"),
    Row(
        "every byte to a terminal",
        ("/usr/bin/python3", "-ISc", "import os; os.write(1, bytes(range(256)) * 40)"),
        streams="terminal terminal terminal",
    ),
    Row(
        "every byte to a terminal that is raw",
        ("/usr/bin/python3", "-ISc", "import os; os.write(1, bytes(range(256)) * 40)"),
        streams="terminal terminal terminal",
        around={"stty": ["raw -echo"]},
    ),
    Row("a reader that is slow", ("sh", "-c", "head -c 2000000 /dev/zero; echo done >&2"), around={"slow": 0.01}),
    Row("a reader that leaves after some bytes", ("sh", "-c", "yes; echo $? >&2"), around={"vanish": 5000}),
    Row("a reader that leaves, and a program that dies of it", ("yes",), around={"vanish": 5000}),
    Row("a reader that has gone before", ("sh", "-c", "sleep 0.05; echo x; echo $? >&2"), streams="null gone pipe"),
    Row("a reader that has gone before, and a program that dies of it", ("yes",), streams="null gone pipe"),
    Row("nobody reads the errors", ("sh", "-c", "sleep 0.05; echo x >&2; echo $?"), streams="null pipe gone"),
    Row("nobody reads the tool's own errors", ("nosuchcommand",), streams="null pipe gone", refused=127),
    Row("the tool's own errors go to a full disk", ("nosuchcommand",), streams="null pipe full", refused=127),
    Row("a pipeline: the tool is first", line="asroot seq 5 | tail -2"),
    Row("a pipeline: the tool is last", line="seq 5 | asroot tail -2"),
    Row("a pipeline: the tool is in the middle", line="seq 100 | asroot grep 7 | wc -l"),
    Row("a pipeline of three tools", line="asroot seq 50 | asroot grep 4 | asroot wc -l"),
    Row("a pipeline whose end is enough", line="asroot yes | head -3; echo ${PIPESTATUS[@]}"),
    Row("a pipeline and its statuses", line="asroot false | asroot true; echo ${PIPESTATUS[@]}"),
    Row("a here document", line="asroot cat <<END\nsome $HOME text\nEND"),
    Row("a here string", line="asroot cat <<<text"),
    Row("in a substitution", line='x=$(asroot echo a; asroot echo b >&2); echo "<$x>"'),
    Row("in a substitution, with its status", line='x=$(asroot sh -c "echo a; exit 4"); echo "$x $?"'),
    Row("in a process substitution", line="cat <(asroot echo a) <(asroot echo b)"),
    Row("redirected to a file and appended", line="asroot echo a >f; asroot echo b >>f; asroot cat <f"),
    Row("the file that is written is the caller's", line="asroot id -un >f", after="stat -c %U f"),
    Row("the file that the command writes is root's", ("sh", "-c", "id -un >%W/f"), after="stat -c '%U %a' f"),
    Row("both outputs to a file and back", line="asroot sh -c 'echo a; echo b >&2' >f 2>&1; cat f"),
    Row("outputs exchanged", line="asroot sh -c 'echo a; echo b >&2' 3>&1 1>&2 2>&3"),
    Row("a loop that reads and runs it", line="printf '1\\n2\\n3\\n' | while read n; do asroot echo $n </dev/null; done"),
    Row("a loop whose input the command takes", line="printf '1\\n2\\n3\\n' | while read n; do asroot cat; done"),
    Row("xargs runs it", line="echo a b c | xargs -n 1 asroot echo"),
    Row("xargs runs two at once", line="seq 8 | xargs -P 2 -n 1 asroot echo | sort"),
    Row("find runs it", line="touch a b; find . -name '[ab]' -exec asroot ls {} + | sort"),
    Row("tee through the tool", line="echo text | asroot tee %W/f >/dev/null; cat f"),
    Row("dd through the tool", line="head -c 1000000 /dev/zero | asroot dd bs=64k status=none | sha256sum"),
    Row("a fifo", line="mkfifo p; asroot cat p & echo text >p; wait; rm p"),
    Row("a named pipe as input", line="mkfifo p; (echo text >p &); asroot cat <p; rm p"),
    Row("tar through the tool", line="mkdir d; echo x >d/f; asroot tar c -C %W d | tar t"),
]
MIXTURES = [
    mixture(stdin, stdout, stderr)
    for stdin, stdouts, stderrs in (
        ("terminal", KINDS, ("pipe", "terminal", "file")),
        ("pipe", ("file", "socket", "terminal"), ("null", "terminal", "closed")),
        ("file", ("null", "closed", "terminal"), ("pipe", "terminal")),
        ("closed", ("file", "terminal", "closed"), ("pipe", "terminal")),
    )
    for stdout in stdouts
    for stderr in stderrs
    if (stdin, stdout, stderr) not in (*TERMINALS_AND_OTHERS, ("terminal", "pipe", "pipe"), ("terminal",) * 3)
]
"""More mixtures."""


@pytest.mark.parametrize(
    "row",
    [
        *ROWS,
        *(
            pytest.param(row, marks=full("every day, each kind is played at each place, and two terminals at any two places"))
            for row in MIXTURES
        ),
    ],
    ids=lambda row: row.name,
)
def test_it_is_the_same(compared, row):
    compared(row)
