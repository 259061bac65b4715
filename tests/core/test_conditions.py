# SPDX-License-Identifier: Apache-2.0
"""Conditions as truth tables: commands, hosts, accounts, variables, reasons. What cannot mean anything is refused."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import Command, RunAs
from jitd.core.conditions import PERILOUS, Glob, may_come_along, read_command_pattern, read_variable, read_who
from jitd.core.keys.hosts import read_host
from jitd.core.keys.reason import Reason
from jitd.core.keys.run_as import covers_run_as, read_run_as
from jitd.expressions.patterns import read_pattern
from tests.table import each_row

ROOT = RunAs("root", 0, "root", 0)


def command(*argv: bytes) -> Command:
    return Command(argv, argv[0], b"", ROOT, b"/", 1, 2, (), (), ())


# --- commands --------------------------------------------------------------------------------------------------------

SYSTEMCTL = ("/usr/bin/systemctl", "restart", "postgresql*")


@each_row(
    ("pattern", "argv", "matches"),
    [
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart", b"postgresql"), True),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart", b"postgresql@15-main"), True),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart", b"postgresql\n; x \xff\x1b"), True),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart", b"xpostgresql"), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart"), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart", b"postgresql", b"nginx"), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart", b"postgresql", b""), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart postgresql"), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"", b"restart", b"postgresql"), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl ", b"restart", b"postgresql"), False),
        (SYSTEMCTL, (b"systemctl", b"restart", b"postgresql"), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl\n", b"restart", b"postgresql"), False),
        (SYSTEMCTL, (b"/usr/bin/systemctl", b"restart\n", b"postgresql"), False),
        (("/a", "x", "**"), (b"/a", b"x"), True),
        (("/a", "x", "**"), (b"/a", b"x", b"", b"\n", b"**"), True),
        (("/a", "x", "**"), (b"/a",), False),
        (("/a", "x", "**"), (b"/a", b"y", b"x"), False),
        (("/a", "**"), (b"/a",), True),
        (("/a",), (b"/a",), True),
        (("/a",), (b"/a", b""), False),
        (("**",), (b"/any/thing", b"at", b"all"), True),
        (("**",), (b"",), True),
        (("/a", "*"), (b"/a", b""), True),
        (("/a", "*"), (b"/a", b"\xff/\n"), True),
        (("/a", "*"), (b"/a",), False),
        (("/a", "?"), (b"/a", b""), False),
        (("/a", "?"), (b"/a", b"\n"), True),
        (("/a", "?"), (b"/a", b"\xff"), True),
        (("/a", "?"), (b"/a", "ü".encode()), True),
        (("/a", "?"), (b"/a", b"\xff\xff"), False),
        (("/a", ""), (b"/a", b""), True),
        (("/a", ""), (b"/a", b"x"), False),
        (("/a", "[x]"), (b"/a", b"[x]"), True),
        (("/a", "[x]"), (b"/a", b"x"), False),
        (("/a", "a.c"), (b"/a", b"abc"), False),
        (("/a", "a\\*"), (b"/a", b"a\\b"), True),
        (("/a", "a\\*"), (b"/a", b"a*"), False),
        (("/a", "(a|b)+$^{}"), (b"/a", b"(a|b)+$^{}"), True),
        (("/a", "ü"), (b"/a", "ü".encode()), True),
        (("/a", "ü"), (b"/a", b"\xfc"), False),
        (("/a", "ü"), (b"/a", "u\u0308".encode()), False),
        (("/a", "\ufffd"), (b"/a", b"\xff"), False),
        (("/a", "a*b*c"), (b"/a", b"abc"), True),
        (("/a", "a*b*c"), (b"/a", b"axxbyyc"), True),
        (("/a", "a*b*c"), (b"/a", b"acb"), False),
        (("/a", "a*b*c"), (b"/a", b"axc"), False),
        (("/a", "*b*"), (b"/a", b"ac"), False),
        (("/a", "ab*ba"), (b"/a", b"aba"), False),
        (("/a", "ab*ba"), (b"/a", b"abba"), True),
        (("/a", "*a?"), (b"/a", b"aaab"), True),
        (("/a", "*a?"), (b"/a", b"a"), False),
        (("/a", "--conf=*"), (b"/a", b"--conf=/etc/x y"), True),
        (("/usr/*/x",), (b"/usr/bin/x",), True),
        (("/usr/*/x",), (b"/usr//x",), True),
        (("/usr/*/x",), (b"/usr/bin/y/x",), False),
        (("/usr/bin/*",), (b"/usr/bin/x",), True),
        (("/usr/bin/*",), (b"/usr/bin/x/y",), False),
        (("/usr/bin/*",), (b"/usr/bin/x\n\xff",), True),
        (("/usr/bin/*",), (b"/usr/bin",), False),
        (("/usr/b?n/x",), (b"/usr/b/n/x",), False),
        (("/usr?bin/x",), (b"/usr/bin/x",), False),
        (("/usr/bin/x*",), (b"/usr/bin/x/../../../home/eve/y",), False),
    ],
)
def test_which_commands_a_pattern_matches(pattern: tuple[str, ...], argv: tuple[bytes, ...], matches: bool) -> None:
    """THREATS R-13."""
    assert read_command_pattern(pattern).matches(command(*argv)) is matches


def test_the_first_element_is_the_path_and_not_what_was_typed() -> None:
    typed = Command((b"/usr/bin/id", b"-u"), b"/tmp/id", b"", ROOT, b"/", 1, 2, (), (), ())
    assert not read_command_pattern(("/usr/bin/id", "-u")).matches(typed)
    assert read_command_pattern(("/tmp/id", "-u")).matches(typed)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ((), "a command's pattern is empty"),
        (("",), '"" must be an absolute path'),
        (("id",), '"id" must be an absolute path'),
        (("*",), '"*" must be an absolute path'),
        (("./id",), '"./id" must be an absolute path'),
        (("ALL",), '"ALL" must be an absolute path'),
        (("**", "x"), '"**" may only be the last element'),
        (("**", "**"), '"**" may only be the last element'),
        (("/a", "**", "x"), '"**" may only be the last element'),
        (("/a/**",), '"/a/**": in a path, "**" is the same as "*" and matches no slash: write "*"'),
        (("/",), '"/" can match no command: write the path without ".", ".." and double slashes'),
        (("/a/",), '"/a/" can match no command: write the path without ".", ".." and double slashes'),
        (("/a//b",), '"/a//b" can match no command: write the path without ".", ".." and double slashes'),
        (("/a/../b",), '"/a/../b" can match no command: write the path without ".", ".." and double slashes'),
        (("/a/./b",), '"/a/./b" can match no command: write the path without ".", ".." and double slashes'),
        (("/a", "x\0"), "a path or an argument cannot contain a NUL byte"),
    ],
)
def test_which_patterns_are_refused(pattern: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_command_pattern(pattern)
    assert str(caught.value) == sentence


PIECES = st.text("ab*?/[", max_size=8)
BYTES = st.lists(st.sampled_from([b"a", b"b", b"/", b"[", b"\n", b"\xff", "ü".encode()]), max_size=8).map(b"".join)


def _naive(pattern: str, text: str) -> bool:
    """Another way to the same answer, slow and plain."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_naive(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and (pattern[0] in ("?", text[0])) and _naive(pattern[1:], text[1:])


@given(PIECES, BYTES)
def test_a_glob_is_what_a_naive_one_is(pattern: str, value: bytes) -> None:
    text = value.decode("utf-8", "surrogateescape")
    assert Glob(pattern).matches(text) is _naive(pattern, text)


CLOSED = st.lists(PIECES.filter(lambda piece: piece != "**"), min_size=1, max_size=3)


@given(CLOSED, st.lists(BYTES, min_size=1, max_size=4), BYTES)
def test_another_argument_never_makes_a_closed_pattern_match(pattern: list[str], argv: list[bytes], more: bytes) -> None:
    """Part of R-13: whatever matches with an argument more does not match without a last ``**``."""
    closed = read_command_pattern(("/usr/bin/x", *pattern))
    longer = command(b"/usr/bin/x", *argv, more)
    if closed.matches(command(b"/usr/bin/x", *argv)):
        assert not closed.matches(longer)
    assert not closed.matches(longer) or len(longer.argv) == len(pattern) + 1


@pytest.mark.parametrize(
    "pattern", ["*a" * 2000, "*a*" * 2000 + "b", "*?" * 1000 + "b", "*" * 5000 + "b", "?" * 50 + "*b?*c", "*ab" * 999]
)
def test_no_character_is_looked_at_for_two_pieces_of_a_pattern(pattern: str) -> None:
    """So it takes time linear in the text, whatever the pattern is: a piece has no repeats, and is looked for once."""
    for text in ("a" * (128 * 1024), "ab" * (64 * 1024), "\n" * (128 * 1024)):
        glob, looked = Glob(pattern), list[tuple[int, int | None]]()
        for piece in glob.middle:
            assert re.fullmatch(r"(\\.|[^\\*+?{|(])*", piece.pattern, re.DOTALL), "it is as long as what it matches"
        object.__setattr__(glob, "middle", tuple(Watched(piece, looked) for piece in glob.middle))
        glob.matches(text)
        assert len(looked) <= pattern.count("*")
        assert all(begin == end for (_, end), (begin, _) in pairwise(looked)), "each begins where the one before it ended"


class Watched:
    """A piece of a pattern that notes from where to where it was looked for; None for one that is not there."""

    def __init__(self, piece: re.Pattern[str], looked: list[tuple[int, int | None]]) -> None:
        self.piece = piece
        self.looked = looked

    def search(self, text: str, at: int) -> re.Match[str] | None:
        found = self.piece.search(text, at)
        self.looked.append((at, None if found is None else found.end()))
        return found


def test_a_pattern_reads_as_it_is_written() -> None:
    assert str(read_command_pattern(("/a", "b c", "", "**"))) == '/a "b c" "" **'
    assert str(read_command_pattern(("**",))) == "any command"


# --- hosts, who, accounts, variables, reasons ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("db*.example.org", "db1.example.org", True),
        ("db*.example.org", "db.example.org", True),
        ("DB*.Example.org", "db1.example.org", True),
        ("db*.example.org", "xdb1.example.org", False),
        ("db*.example.org", "db1.example.org.evil", False),
        ("db?.example.org", "db12.example.org", False),
        ("*", "anything", True),
        ("db1", "db1.example.org", False),
        ("db1.example.org", "db1xexample.org", False),
    ],
)
def test_which_hosts_a_pattern_matches(pattern: str, host: str, matches: bool) -> None:
    assert read_host(pattern).matches(host) is matches


@pytest.mark.parametrize("word", ["", "db 1", "db[12]", "db1/x", "dü", "db1\n"])
def test_which_hosts_are_refused(word: str) -> None:
    with pytest.raises(ValueError):
        read_host(word)


@pytest.mark.parametrize(
    "word",
    [
        "group:dba",
        "group:domain users",
        "group:Ünï",
        "user:alice",
        "principal:alice@X.ORG",
        "principal:alice/admin@X.ORG",
    ],
)
def test_who(word: str) -> None:
    assert read_who(word) == word


@pytest.mark.parametrize(
    "word",
    [
        "",
        "*",
        "ALL",
        "alice",
        "%dba",
        "group",
        "group:",
        "group:*",
        "group: dba",
        "group:a:b",
        "group:a\n",
        "Group:dba",
        "groups:dba",
        "user:#0",
        "principal:alice",
        "principal:alice@",
        "principal:*@X.ORG",
        "principal:a b@X.ORG",
        "principal:a@X.ORG@Y.ORG",
    ],
)
def test_which_who_are_refused(word: str) -> None:
    with pytest.raises(ValueError):
        read_who(word)


OWN, OTHER = True, False
HERS = ("self", "self:adm", "self:*")


@pytest.mark.parametrize(("own", "matched"), [(OWN, {"self", "self:*"}), (OTHER, {"self:adm", "self:*"})])
def test_self_is_the_requesters_account_and_no_other(own: bool, matched: set[str]) -> None:
    her = RunAs("alice", 1, "alice" if own else "adm", 1)
    assert {word for word in HERS if covers_run_as(read_run_as(word), her, is_self=True, any_group=own)} == matched
    assert not [word for word in HERS if covers_run_as(word, her, is_self=False, any_group=own)]


@pytest.mark.parametrize(
    ("word", "user", "group", "own", "matches"),
    [
        ("root", "root", "root", OWN, True),
        ("root", "root", "adm", OTHER, False),
        ("root", "alice", "root", OWN, False),
        ("root:adm", "root", "adm", OTHER, True),
        ("root:adm", "root", "root", OWN, False),
        ("root:root", "root", "root", OWN, True),
        ("root:*", "root", "adm", OTHER, True),
        ("root:*", "alice", "adm", OTHER, False),
        ("*", "alice", "alice", OWN, True),
        ("*", "alice", "adm", OTHER, True),
        ("*:adm", "alice", "adm", OTHER, True),
        ("*:adm", "alice", "alice", OWN, False),
        ("*:*", "alice", "adm", OTHER, True),
    ],
)
def test_which_accounts_a_word_covers(word: str, user: str, group: str, own: bool, matches: bool) -> None:
    assert covers_run_as(read_run_as(word), RunAs(user, 1, group, 1), is_self=False, any_group=own) is matches


@pytest.mark.parametrize(
    "word", ["", ":", "root:", ":adm", "ro*t", "a:b:c", "#0", "%adm", "!root", "a,b", "-1:", "root:#0", "a/b"]
)
def test_which_accounts_are_refused(word: str) -> None:
    with pytest.raises(ValueError):
        read_run_as(word)


@pytest.mark.parametrize(
    ("env", "name", "comes"),
    [
        (("PGDATA",), b"PGDATA", True),
        (("PGDATA",), b"PGDATA2", False),
        (("PGDATA",), b"pgdata", False),
        (("PGDATA",), b"XPGDATA", False),
        (("PGDATA",), b"PGDATA\xff", False),
        (("PG*",), b"PGDATA", True),
        (("PG*",), b"PG", True),
        (("PG*",), b"XPG", False),
        (("*",), b"LD_PRELOAD", True),
        ((), b"PGDATA", False),
    ],
)
def test_which_variables_come_along(env: tuple[str, ...], name: bytes, comes: bool) -> None:
    assert may_come_along(name, env) is comes


@pytest.mark.parametrize(
    "word", ["*", "L*", "LD*", "LD_*", "LD_PRE*", "P*", "PY*", "B*", "BASH_*", "GIT*", "GIT_CONFIG_X*", "H*", "SUDO*"]
)
def test_no_pattern_lets_a_perilous_variable_in(word: str) -> None:
    with pytest.raises(ValueError, match=r"would also allow "):
        read_variable(word)


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=12))
def test_no_accepted_pattern_covers_a_perilous_variable(beginning: str) -> None:
    try:
        word = read_variable(f"{beginning}*")
    except ValueError:
        return
    for name in PERILOUS:
        example = name.replace("*", "X")
        assert not may_come_along(example.encode(), (word,))


@pytest.mark.parametrize("word", ["PG*", "APP_*", "LC_*", "X*", "PGDATA", "_", "a1"])
def test_which_variables_may_be_listed(word: str) -> None:
    assert read_variable(word) == word


@each_row("name", [name for name in PERILOUS if not name.endswith("*")])
def test_a_perilous_variable_may_be_named(name: str) -> None:
    assert read_variable(name) == name


@pytest.mark.parametrize("word", ["", "1A", "A B", "A=B", "A-B", "*A", "A*B", "A**", "Ü", "A\n", "SUDO_USER", "JITSUDO_REQUEST"])
def test_which_variables_are_refused(word: str) -> None:
    with pytest.raises(ValueError):
        read_variable(word)


@pytest.mark.parametrize(
    ("reason", "given", "is_met", "wish"),
    [
        (Reason(), "because", True, "a reason"),
        (Reason(), None, False, "a reason"),
        (Reason(), "", False, "a reason"),
        (Reason(), " \n\t", False, "a reason"),
        (Reason(read_pattern("CHG-[0-9]+"), "the change number"), "lag, CHG-4711", True, "a reason: the change number"),
        (Reason(read_pattern("CHG-[0-9]+"), "the change number"), "lag", False, "a reason: the change number"),
        (Reason(read_pattern("CHG-[0-9]+")), None, False, "a reason that matches CHG-[0-9]+"),
        (Reason(read_pattern("x*")), " ", False, "a reason that matches x*"),
    ],
)
def test_reasons(reason: Reason, given: str | None, is_met: bool, wish: str) -> None:
    assert reason.is_met_by(given) is is_met
    assert reason.wish == wish
