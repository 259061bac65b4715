# SPDX-License-Identifier: Apache-2.0
"""The options of grammars, compared with what their programs say: which there are, and whether they have a value."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.commands.test_grammars import GRAMMARS, findings
from tests.marks import full

PLACES = "/usr/bin:/usr/sbin:/bin:/sbin"
NO_VALUE, ATTACHED, VALUE = "has no value", "has its value in the same word", "has a value"
LINE = re.compile(r"^ {1,12}(-.*)$", re.MULTILINE)
NAMES = re.compile(
    r"(--?[A-Za-z0-9?][\w-]*)((?:\[=?[^\s]*|=\S+| ?<[^>]+>\S*| [A-Z][A-Z0-9_/=-]*(?=[\s,]|$))?)(?:, ?| ?\| ?|/|$| (?=-)|(?= ))"
)
"""An option, and its value in brackets, behind ``=``, in ``<>`` or in capitals."""
OTHERWISE = {
    **dict.fromkeys(
        ("dpkg", "dpkg-deb", "dpkg-query", "dpkg-divert", "dpkg-statoverride"),
        "its verbs are options, and their operands are there",
    ),
    "gcloud": "it is no part of Debian",
    "losetup": "what it names behind -d and -c are operands",
    "pam-auth-update": "it asks its questions",
    "strace": "a value that stands behind a short option is that of the long one",
    "valgrind": "its values stand in the same word, whatever their form",
}
"""Programs whose help says something else in the same form, and what."""
NOT_SAID = {
    "capsh": "--mode", "dpkg-reconfigure": "-f -p", "file": "-P --parameter", "fusermount": "-o", "fusermount3": "-o",
    "hostname": "-F --file", "msgfmt": "-kWORD --keyword", "psql": "-? --help", "scriptreplay": "-c", "setpriv": "--pdeathsig",
    "sqlite3": "-lookaside -pagecache", "ss": "-N --net", "sudo": "--preserve-env -h",
    "systemd-cgls": "-u --unit --user-unit -M", "unshare": "--propagation --setgroups", "xargs": "--max-lines",
}  # fmt: skip
"""Options of whose value the help says nothing, or says it in another form."""


def asked(name: str) -> str:
    """Return what the program ``name`` says if it is asked for help."""
    program = shutil.which(name, path=PLACES)
    assert program is not None
    done = subprocess.run(
        [program, "--help"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        env={"PATH": PLACES, "LC_ALL": "C", "PAGER": "cat", "TERM": "dumb", "COLUMNS": "200"},
    )  # fmt: skip
    return (done.stdout + done.stderr).decode(errors="replace")


def told(text: str) -> Iterator[tuple[str, str]]:
    """Yield each option that the help ``text`` names at the beginning of a line, and what it says of its value."""
    for line in LINE.findall(text):
        found, at = [], 0
        while one := NAMES.match(line, at):
            found.append(one)
            at = one.end()
        for one in found:
            value = one[2] or found[-1][2]
            yield one[1], ATTACHED if value.startswith("[") else VALUE if value else NO_VALUE


def of_grammar(name: str) -> dict[str, set[str]]:
    """Return what the grammar of ``name`` says of the value of each option: those of verbs may differ."""
    grammar, known = GRAMMARS[name], dict[str, set[str]]()
    for of in (grammar.common, *(head.own for head in grammar.of_verbs)):
        for spelled, option in of.items():
            known.setdefault(spelled, set()).add(NO_VALUE if not option.type else ATTACHED if option.is_attached else VALUE)
    return known


INSTALLED = sorted(
    name
    for name, grammar in GRAMMARS.items()
    if "--help" in of_grammar(name) and not findings((name, "--help")) and shutil.which(name, path=PLACES)
)


@full("every day, the test asks none: each program is started, and which are installed differs")
@pytest.mark.parametrize("name", [one for one in INSTALLED if one not in OTHERWISE])
def test_a_grammar_has_the_options_of_its_program_with_their_values(name: str) -> None:
    known = of_grammar(name)
    wrong = []
    for option, arity in told(asked(name)):
        if option in NOT_SAID.get(name, "").split():
            continue
        if option not in known:
            wrong.append(f"{option} is not declared, and {arity}")
        elif arity not in known[option] and (arity, known[option]) != (
            NO_VALUE,
            {ATTACHED},
        ):  # a value may be newer than the help
            wrong.append(f"{option} {arity}, not: {' or '.join(sorted(known[option]))}")
    assert not wrong, "\n".join(dict.fromkeys(wrong))
