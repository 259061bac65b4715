# SPDX-License-Identifier: Apache-2.0
"""Arguments and quoting: every byte arrives, and nothing is read twice. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import PATHS, Row
from tests.marks import full

WORDS = "/srv/differential/bin/words"
MEASURE = "/srv/differential/bin/measure"


def given(name: str, *words: str | bytes) -> Row:
    return Row(name, (WORDS, *words))


ALONE = [
    given("a space inside a word", "a b"),
    given("blanks at both ends", "  a  "),
    given("nothing but a space", " "),
    given("a tab", "a\tb"),
    given("a newline", "a\nb"),
    given("a newline at the end", "a\n"),
    given("a carriage return", "a\rb"),
    given("single quotes", "it's", "''", "'a b'"),
    given("double quotes", 'say "x"', '""', '"a b"'),
    given("both kinds of quotes", "'\"'\"'"),
    given("backquotes", "`id`"),
    given("a dollar sign", "$HOME", "${HOME}", "$(id)", "$$", "$"),
    given("backslashes", "\\", "\\\\", "a\\ b", "\\n", "c:\\x"),
    given("a backslash at the end", "a\\"),
    given("empty words between others", "", "a", "", "", "b", ""),
    given("wildcards", "*", "?", "[a-z]", "{a,b}", "~", "~root"),
    given("signs of a shell", ";", "&&", "|", ">", "<", "&", "!", "#", "(", ")"),
    given("a percent sign", "%s", "%n", "%", "%%", "%h"),
    given("bytes that are no UTF-8", b"\xff\xfe", b"a\x80b", b"\xc3"),
    given("every byte but NUL", bytes(range(1, 256))),
    given("letters beyond ASCII", "ä", "日本", "𝄞", "e\u0301"),
    given("control characters", "\x1b[31m", "\x07", "\x7f", "\x01"),
    given("characters that turn the direction of writing", "\u202eabc"),
    given("a very long number", "9" * 400),
]
"""Words of each kind by themselves."""
ROWS = [
    given("no argument at all"),
    given("words with blanks, quotes, signs of a shell and any bytes", *(word for row in ALONE for word in row.words[1:])),
    given("one plain word", "plain"),
    given("one word with a space and two words are not the same", "a", "b"),
    given("an empty word", ""),
    given("words that look like options of the tool", "-u", "bob", "-n", "--help", "-V"),
    given("two dashes after the command are the command's", "--", "a", "--"),
    given("a lone dash", "-"),
    given("words that look like variables", "A=b", "=x", "PATH=/tmp"),
    Row("two dashes before the command are the tool's", ("--", WORDS, "a")),
    Row("two dashes after an option", ("-n", "--", WORDS, "-n")),
    Row("two dashes twice: the second is the command", ("--", "--", "a"), refused=127),
    Row("one word of 100 KiB", (MEASURE, "x" * 102400)),
    Row("one word as long as the kernel takes", (MEASURE, "y" * 131071)),
    Row("a long word of bytes that are no UTF-8", (MEASURE, b"\xe9" * 100000)),
    Row("a thousand words", (MEASURE, *(str(n) for n in range(1000)))),
    Row("nineteen thousand words", (MEASURE, *("w" * 9 for _ in range(19000)))),
    Row("a thousand empty words", (MEASURE, *[""] * 1000)),
    Row("a megabyte in ten words", (MEASURE, *["z" * 100000] * 10)),
    Row("the name that the command is called by is the word that was typed", ("sh", "-c", 'echo "$0"')),
    Row("the same for an absolute path", ("/usr/bin/sh", "-c", 'echo "$0"')),
    Row(
        "the same for a path through a link of root's",
        ("/bin/sh", "-c", 'echo "$0"'),
        ours={"out": "/usr/bin/sh\n"},
        because=PATHS,
    ),
    Row("what the command calls itself, found on the path", ("cat", "/proc/self/cmdline")),
    Row(
        "what the command calls itself, by a path with dots",
        ("/bin/../bin/cat", "/proc/self/cmdline"),
        ours={"out": "/usr/bin/cat\0/proc/self/cmdline\0"},
        because=PATHS,
    ),
    Row("a script that is named by its path", ("/srv/differential/bin/name",)),
    Row("a script with an option in its first line", ("/srv/differential/bin/option", "a b", "")),
    Row("a script whose interpreter is a script", ("/srv/differential/bin/nested", "x")),
    Row("a script in the shell's own words", ("sh", "-c", 'for x; do echo "<$x>"; done', "-", "a b", "", "c\nd")),
]


@pytest.mark.parametrize(
    "row",
    [*ROWS, *(pytest.param(row, marks=full("every day, one command has all of these words")) for row in ALONE)],
    ids=lambda row: row.name,
)
def test_it_is_the_same(compared, row):
    compared(row)
