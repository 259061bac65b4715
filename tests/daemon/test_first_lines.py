# SPDX-License-Identifier: Apache-2.0
"""A first line is split as the kernel splits it: a generated table of lines, each executed by this host's kernel (THREATS X-23).

Law: what the kernel does is seen, and not looked up: its error, or the arguments of the program that it has chosen.
"""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from jitd.files.interpreters import BUFFER, FirstLine, first_line

PROBE = r"""
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    for (int at = 0; at < count; at++)
        if (write(1, words[at], strlen(words[at]) + 1) < 0) return 1;
    return 0;
}
"""
"""A program that writes its arguments, each with a NUL after it."""
GAPS = (b"", b" ", b"\t", b" \t ", b"\v", b"\f", b"\r", b"\xc2\xa0", b"\0", b" \0")
ENDS = (b"\n", b"", b" \n", b" ", b"\t", b"\r\n", b"\0\n", b" \0\n", b"\n\0", b"\n#!/bin/false\n")
ARGUMENTS = (b"", b"-x", b"a b\t c", b"a\0b", b"\xff")


def lines() -> Iterator[bytes]:
    for before, name, end in product(GAPS, (b"%s/probe", b"probe"), ENDS):
        yield b"#!" + before + name + end
    for before, end in product((b"", b" ", b"\t", b" \t", b"\0", b" \0"), ENDS):
        yield b"#!" + before + end
    for gap, argument, end in product(GAPS, ARGUMENTS, ENDS):
        yield b"#! probe" + gap + argument + end
    for size in range(BUFFER - 2, BUFFER + 3):
        for before, argument, end in product((b"", b" "), (b"", b" x", b" x "), (b"", b"\n", b" ", b"\0")):
            for filled in (b"./" * BUFFER, b" " * BUFFER, b"\t" * BUFFER):  # of the name, or before it
                fixed = b"#!" + before, b"probe" + argument + end
                yield fixed[0] + filled[: max(size - len(fixed[0] + fixed[1]), 0) // 2 * 2] + fixed[1]
                yield fixed[0] + b"probe " + filled[: max(size - len(fixed[0] + fixed[1]), 0)] + argument + end
                yield fixed[0] + b"probe" + argument + b"y" * max(size - len(fixed[0] + fixed[1]), 0) + end


@pytest.fixture(scope="module")
def place() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        (Path(made) / "probe.c").write_text(PROBE)
        subprocess.run(["gcc", "-static", "-O1", "-o", f"{made}/probe", f"{made}/probe.c"], check=True)
        yield os.fsencode(made)


def executed(place: bytes, script: bytes) -> int | list[bytes]:
    """The number of the kernel's error, or the arguments that the chosen program was given."""
    try:
        done = subprocess.run([b"called", b"word"], executable=script, cwd=place, stdout=subprocess.PIPE, check=False)
    except OSError as fault:
        return fault.errno
    return done.returncode or done.stdout.split(b"\0")[:-1]


def test_the_kernel_splits_every_first_line_as_it_is_split_here(place: bytes) -> None:
    """THREATS X-23."""
    script, n_run, n_refused = place + b"/script", 0, 0
    for line in dict.fromkeys(each.replace(b"%s", place) for each in lines()):
        found = first_line(line)
        wanted: int | list[bytes] = errno.ENOEXEC
        if found is not None:  # a program is put where the kernel finds it if it reads the same name
            path = os.path.join(place, found.interpreter)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.lexists(path):
                os.link(place + b"/probe", path)
            argument = [] if found.argument is None else [found.argument]
            is_directory = os.path.isdir(path)  # as the working directory, which an empty name means
            wanted = errno.EACCES if is_directory else [found.interpreter, *argument, script, b"word"]
        with open(script, "wb") as file:
            file.write(line)
        os.chmod(script, 0o755)
        assert executed(place, script) == wanted, (line, found)
        n_run += isinstance(wanted, list)
        n_refused += wanted == errno.ENOEXEC
    assert n_run > 700 and n_refused > 50


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"#!/bin/sh\n", FirstLine(b"/bin/sh", None)),
        (b"#! \t/bin/sh -e -x \n", FirstLine(b"/bin/sh", b"-e -x")),
        (b"#!\v/bin/sh\n", FirstLine(b"\v/bin/sh", None)),
        (b"#!/bin/sh\r\n", FirstLine(b"/bin/sh\r", None)),
        (b"#!/bin/sh\xa0-e\n", FirstLine(b"/bin/sh\xa0-e", None)),
        (b"#!sh\n", FirstLine(b"sh", None)),
        (b"#!", FirstLine(b"", None)),
        (b"#!\n", None),
        (b"#! \t \n", None),
        (b"#!/" + b"a" * BUFFER + b"\n", None),
        (b"\n#!/bin/sh\n", None),
        (b"echo\n", None),
        (b"", None),
    ],
)
def test_what_a_first_line_names(line: bytes, found: FirstLine | None) -> None:
    assert first_line(line) == found
