# SPDX-License-Identifier: Apache-2.0
"""Which file is meant: names, paths, links, and what cannot be executed. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import PATHS, Row

BIN = "/srv/differential/bin"

ROWS = [
    Row("a name is looked for on the tool's own path", ("id", "-u")),
    Row("a program of the administrator's that the caller cannot see on their path", ("onlyforroot",)),
    Row("the caller's path is not searched", ("which",), env={"PATH": "/srv/differential/path/a:/usr/bin:/bin"}),
    Row("the caller's path is empty", ("id", "-u"), env={"PATH": ""}),
    Row("the caller has no path", ("id", "-u"), env={"PATH": None}),
    Row("the caller's path has an empty element", ("./here",), env={"PATH": ":/usr/bin"}, before="cp /bin/true here"),
    Row(
        "a name is not looked for in the working directory",
        ("here",),
        env={"PATH": ".:/usr/bin"},
        before="cp /bin/true here",
        refused=127,
    ),
    Row("a path with dots in it", ("/usr/./bin/../bin/id", "-u")),
    Row("a path with doubled slashes", ("//usr//bin//id", "-u")),
    Row(
        "a path relative to the working directory",
        ("./bin/name",),
        around={"cwd": "/srv/differential"},
        ours={"out": "name: /srv/differential/bin/name\n"},
        because=PATHS,
    ),
    Row(
        "a relative path without a dot",
        ("bin/name",),
        around={"cwd": "/srv/differential"},
        ours={"out": "name: /srv/differential/bin/name\n"},
        because=PATHS,
    ),
    Row(
        "a relative path that goes up",
        ("../bin/name",),
        around={"cwd": "/srv/differential/empty"},
        ours={"out": "name: /srv/differential/bin/name\n"},
        because=PATHS,
    ),
    Row(
        "a relative path that goes up and down",
        ("../bin/../bin/./name",),
        around={"cwd": "/srv/differential/empty"},
        ours={"out": "name: /srv/differential/bin/name\n"},
        because=PATHS,
    ),
    Row(
        "a script of the caller's own",
        ("./mine", "x"),
        before="printf '#!/bin/sh\necho mine \"$@\"; id -u\n' >mine; chmod +x mine",
    ),
    Row("a program of the caller's own", ("./mine", "x"), before="cp /bin/echo mine"),
    Row("a link to a program keeps its name", (f"{BIN}/link", "a")),
    Row(
        "a link to a directory on the way",
        (f"{BIN}/below/words", "a"),
        ours={"out": "[b'/srv/differential/bin/words', b'a']\n"},
        because=PATHS,
    ),
    Row(
        "what a program is called by a path through a link to a directory",
        ("./way/dash", "-c", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1; :"),
        before="ln -s /usr/bin way",
        ours={"out": "/usr/bin/dash\n"},
        because=PATHS,
    ),
    Row("what a program is called by a name", ("dash", "-c", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1; :")),
    Row("what a program is called by its own path", ("/usr/bin/dash", "-c", "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1; :")),
    Row("a link of the caller's to a program", ("./mine", "a"), before="ln -s /bin/echo mine"),
    Row("a link that leads nowhere", (f"{BIN}/dangling",), refused=127),
    Row("a link that leads to itself", (f"{BIN}/loop",), refused=126),
    Row("a directory that is a link to itself", (f"{BIN}/loop/x",), refused=126),
    Row("a link into a directory that only root may enter", (f"{BIN}/todark",), refused=121),
    Row("a link to a program in a directory that only root may enter", (f"{BIN}/indark",)),
    Row("nothing of that name", ("nosuchcommand",), refused=127),
    Row("no such path", ("/no/such/command",), refused=127),
    Row("no such relative path", ("./nosuchcommand",), refused=127),
    Row("a file on the way where a directory should be", ("/etc/passwd/x",), refused=127),
    Row("a file that is not executable", (f"{BIN}/notexecutable",), refused=126),
    Row("a file of the caller's that is not executable", ("./mine",), before="cp /bin/true mine; chmod 644 mine", refused=126),
    Row("a directory", (BIN,), refused=126),
    Row("a directory, by a name with a slash at its end", (f"{BIN}/",), refused=126),
    Row("a program, by a name with a slash at its end", ("/bin/true/",), refused=127),
    Row("the root directory", ("/",), refused=126),
    Row("a dot", (".",), refused=126),
    Row("two dots", ("..",), refused=126),
    Row("an empty name", ("",), refused=120),
    Row("a script that names no interpreter", (f"{BIN}/nointerpreter", "a b")),
    Row("a script whose interpreter is missing", (f"{BIN}/missinginterpreter",), refused=126),
    Row("a script whose interpreter is a directory", ("./mine",), before="printf '#!/etc\n' >mine; chmod +x mine", refused=126),
    Row(
        "a script whose interpreter is not executable",
        ("./mine",),
        before="printf '#!/etc/passwd\n' >mine; chmod +x mine",
        refused=126,
    ),
    Row("a script whose first line names nothing", (f"{BIN}/emptyinterpreter", "a")),
    Row("a script with the line ends of another system", (f"{BIN}/dos",), refused=126),
    Row("an empty file", (f"{BIN}/nothing", "a")),
    Row("a program that is broken", (f"{BIN}/broken",)),
    Row("a name with a space", (f"{BIN}/with space", "a")),
    Row("a name with a newline", (f"{BIN}/with\nnewline", "a")),
    Row("a name that is no UTF-8", (f"{BIN}/latin".encode() + b"\xe9", "a")),
    Row("a name with an equals sign, by its path", (f"{BIN}/a=b", "a")),
    Row("a name that begins with a dash, by its path", (f"{BIN}/-dash", "a")),
    Row("a program that only root may execute", (f"{BIN}/secret",)),
    Row("a program in a directory that only root may enter", ("/srv/differential/sealed/there",)),
    Row("nothing, in a directory that only root may enter", ("/srv/differential/sealed/gone",), refused=121),
    Row("a program in a directory that may be passed and not read", ("/srv/differential/passable/echo", "a")),
    Row("the same program for somebody who may not execute it", ("-u", "bob", f"{BIN}/secret"), refused=126),
    Row("a program that replaces itself in a shell", ("sh", "-c", "exec /bin/echo replaced")),
    Row("a device", ("/dev/null",), refused=126),
    Row("a fifo as the command", (f"{BIN}/fifo",), refused=126),
    Row("a name as long as a name may be", ("x" * 255,), refused=127),
    Row("a name longer than a name may be", ("x" * 256,), refused=127),
    Row("a path with a name that is too long", ("/srv/" + "x" * 256,), refused=127),
    Row("a directory whose name is too long", ("/srv/" + "x" * 256 + "/y",), refused=127),
    Row("a path longer than a path may be", ("/" + "x/" * 3000,), refused=127),
    Row("a word of the shell's that is not a program", ("cd", "/tmp"), refused=127),
    Row("the tool itself, to say its version", ("true", "--version")),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    """THREATS R-08."""
    compared(row)
