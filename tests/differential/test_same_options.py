# SPDX-License-Identifier: Apache-2.0
"""Options: what they mean, how they are written, and what is wrong with them. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import DIRECTORY, GIVEN, LEASES, LISTS, NEWLINES, PATHS, REFUSED, STATUS, TIMEOUT, Row

SHOW = "/srv/differential/bin/state"
WORDS = "/srv/differential/bin/words"
WHO = ("id", "-un")
GROUPS = ("sh", "-c", "id -gn; id -Gn")
AFTER_THE_FIRST = r"(?s)(?<=\n).+"
"""What follows the first line."""


def as_of(*options: str, command: tuple[str, ...] = WHO, **more) -> Row:
    return Row(" ".join(options) + " " + " ".join(command)[:30], (*options, *command), **more)


ROWS = [
    # --- who
    Row("nobody is named: it is root", WHO),
    Row("a user by name", ("-u", "bob", *WHO)),
    Row("a user by name in the same word", ("-ubob", *WHO)),
    Row("a user by the long option", ("--user", "bob", *WHO)),
    Row("a user by the long option with an equals sign", ("--user=bob", *WHO)),
    Row("a user by the beginning of the long option", ("--use=bob", *WHO)),
    Row("a user by number", ("-u", "#4002", *WHO)),
    Row("root by number", ("-u", "#0", *WHO)),
    Row("root by name", ("-u", "root", *WHO)),
    Row("oneself", ("-u", "alice", *WHO)),
    Row("the last of two users counts", ("-u", "bob", "-u", "carol", *WHO), refused=120),
    Row("a user who does not exist", ("-u", "nobodyatall", *WHO), refused=120),
    Row("a number that is no user", ("-u", "#4999", *WHO), refused=120),
    Row("a number that is too large", ("-u", "#4294967296", *WHO), refused=120),
    Row("the number -1", ("-u", "#-1", *WHO), refused=120),
    Row("the number that is -1 in 32 bits", ("-u", "#4294967295", *WHO), refused=120),
    Row("a number in hexadecimal", ("-u", "#0x0", *WHO), refused=120),
    Row("a number with a sign", ("-u", "#+0", *WHO), ours={"status": 120, "out": "", "speaks": True}, because=REFUSED),
    Row("a sharp sign and no number", ("-u", "#", *WHO), refused=120),
    Row("a number without the sharp sign is a name", ("-u", "0", *WHO), refused=120),
    Row("an empty user", ("-u", "", *WHO), refused=120),
    Row("no user after -u", ("-u",), refused=120),
    Row("an equals sign after the short option is part of the name", ("-u=bob", *WHO), refused=120),
    Row("the groups of the target and not the caller's", ("-u", "bob", *GROUPS)),
    Row("several groups of a target", ("-u", "dave", *GROUPS)),
    Row("the groups of root", GROUPS),
    Row("uids, gids and groups, each of them", (SHOW,), mask="umask.*"),
    Row("the same for another user", ("-u", "dave", SHOW), mask="umask.*"),
    # --- group
    Row("a group alone", ("-g", "dba", *GROUPS)),
    Row("a group alone does not change the user", ("-g", "dba", *WHO)),
    Row("a group alone that is not the caller's", ("-g", "ops", *WHO)),
    Row("a user and a group of theirs", ("-u", "bob", "-g", "ops", *GROUPS)),
    Row(
        "a user and a group that is not theirs",
        ("-u", "bob", "-g", "dba", *GROUPS),
        ours={"out": "bob\nbob dba ops\n"},
        because=GIVEN,
    ),
    Row("root and a group", ("-u", "root", "-g", "dba", *GROUPS)),
    Row("a group by number", ("-u", "bob", "-g", "#4102", *GROUPS)),
    Row("a group by the long option", ("-u", "bob", "--group=ops", *GROUPS)),
    Row("each group, real and effective", ("-u", "bob", "-g", "ops", SHOW), mask="umask.*"),
    Row("a group that does not exist", ("-u", "bob", "-g", "nogroupatall", *GROUPS), refused=120),
    Row("a number that is no group", ("-u", "bob", "-g", "#4999", *GROUPS), refused=120),
    Row("an empty group", ("-u", "bob", "-g", "", *GROUPS), refused=120),
    # --- directory
    Row("another directory", ("-D", "/tmp", "pwd")),
    Row("another directory in the same word", ("-D/tmp", "pwd")),
    Row("another directory by the long option", ("--chdir=/tmp", "pwd")),
    Row(
        "a relative directory",
        ("-D", "sub", "pwd"),
        before="mkdir sub",
        ours={"status": 0, "out": "%W/sub\n", "speaks": False},
        because=DIRECTORY,
    ),
    Row(
        "a directory that goes up",
        ("-D", "../..", "pwd"),
        ours={"status": 0, "out": "/srv/differential\n", "speaks": False},
        because=DIRECTORY,
    ),
    Row(
        "a directory by a link",
        ("-D", "link", "sh", "-c", "pwd -P"),
        before="ln -s /usr/bin link",
        ours={"status": 0, "out": "/usr/bin\n", "speaks": False},
        because=DIRECTORY,
    ),
    Row("a directory that does not exist", ("-D", "/no/such", "pwd"), refused=120),
    Row("a directory that is a file", ("-D", "/etc/passwd", "pwd"), refused=120),
    Row("an empty directory name", ("-D", "", "pwd"), refused=120),
    Row("a directory that only root may enter", ("-D", "/srv/differential/sealed", "pwd")),
    Row(
        "a directory that the target may not enter",
        ("-u", "bob", "-D", "/home/alice", "pwd"),
        refused=126,
    ),
    Row("a directory of the target's that the caller may not enter", ("-u", "bob", "-D", "/home/bob", "pwd")),
    Row("a tilde is not read", ("-D", "~", "pwd"), ours={"status": 120, "out": "", "speaks": True}, because=DIRECTORY),
    Row(
        "a relative command is looked for before the directory is changed",
        ("-D", "%W/sub", "./mine"),
        before="mkdir sub; cp /bin/true mine",
        refused=127,
    ),
    Row(
        "a login of somebody whose home is not there", ("-i", "-u", "homeless", "pwd"), ours={"speaks": False}, because=DIRECTORY
    ),
    Row("a login shell in another directory", ("-i", "-D", "/tmp", "pwd")),
    Row("a shell in another directory", ("-s", "-D", "/tmp", "pwd")),
    # --- login shell
    Row("a login shell with a command", ("-i", "echo", "hello")),
    Row("a login shell begins at home", ("-i", "pwd")),
    Row("a login shell of another user begins at home", ("-u", "bob", "-i", "pwd")),
    Row("a login shell's name begins with a dash", ("-i", "echo", "$0")),
    Row("a login shell's words are joined by spaces", ("-i", "echo", "a", "b", "c")),
    Row("a space within a word of a login shell's command", ("-i", WORDS, "a b", "c")),
    Row("quotes in a login shell's command", ("-i", WORDS, "'", '"', "`id`")),
    Row("a dollar sign in a login shell's command is the shell's", ("-i", WORDS, "$HOME", "${HOME}", "$0")),
    Row("signs of a shell in a login shell's command", ("-i", WORDS, ";", "&", "|", "<", ">", "(", ")", "*", "?", "!")),
    Row("backslashes in a login shell's command", ("-i", WORDS, "\\", "a\\b", "\\\\")),
    Row("letters, digits, dashes and underscores in a login shell's command", ("-i", WORDS, "aB9_-", "a-b_c")),
    Row("an empty word in a login shell's command", ("-i", WORDS, "", "a")),
    Row(
        "a newline in a login shell's command",
        ("-i", WORDS, "a\nb"),
        ours={"out": "[b'/srv/differential/bin/words', b'a\\nb']\n"},
        because=NEWLINES,
    ),
    Row("bytes that are no UTF-8 in a login shell's command", ("-i", WORDS, b"a\xffb")),
    Row("letters beyond ASCII in a login shell's command", ("-i", WORDS, "äö")),
    Row(
        "an equals sign and other signs in a login shell's command",
        ("-i", WORDS, "a=b", "a,b", "a.b", "a/b", "a:b", "a@b", "#", "~", "%", "^"),
    ),
    Row("a login shell's command that ends with a status", ("-i", "exit", "7")),
    Row(
        "a login shell reads its commands from standard input",
        ("-i",),
        streams="pipe pipe pipe",
        input=b"echo $0 from input; id -un\n",
    ),
    Row(
        "a login shell of another user reads from standard input",
        ("-i", "-u", "bob"),
        streams="pipe pipe pipe",
        input=b"id -un; pwd\n",
    ),
    Row("a login shell by the long option", ("--login", "echo", "hello")),
    Row("a login shell and a variable", ("-i", "A=b", "echo", "$A")),
    Row("a login shell's environment", ("-i", "/srv/differential/bin/environment")),
    Row("a login shell of another user: the environment", ("-i", "-u", "bob", "/srv/differential/bin/environment")),
    Row("a login shell after -n", ("-n", "-i", "echo", "hello")),
    Row("options in one word", ("-niu", "bob", "pwd")),
    # --- shell
    Row("a shell with a command", ("-s", "echo", "hello")),
    Row("a shell begins where the caller is", ("-s", "pwd")),
    Row("a shell's name is no login shell's", ("-s", "echo", "$0"), ours={"out": "/usr/bin/bash\n"}, because=PATHS),
    Row("a shell's words are joined by spaces", ("-s", "echo", "a", "b")),
    Row("a space within a word of a shell's command", ("-s", WORDS, "a b", "c")),
    Row("signs of a shell in a shell's command", ("-s", WORDS, ";", "&", "|", "<", ">", "$HOME", "*", "'", '"', "\\")),
    Row("a shell's command that is an empty word", ("-s", "")),
    Row("a login shell's command that is an empty word", ("-i", "")),
    Row("a shell's command that begins with an empty word", ("-s", "", "true")),
    Row("a shell's command that is no UTF-8", ("-s", WORDS, b"\xe9")),
    Row(
        "the caller's SHELL is the shell",
        ("-s", "echo", "$0"),
        env={"SHELL": "/bin/sh"},
        ours={"out": "/usr/bin/sh\n"},
        because=PATHS,
    ),
    Row("a SHELL without links on its way is called as it stands", ("-s", "echo", "$0"), env={"SHELL": "/usr/bin/dash"}),
    Row(
        "without SHELL it is the caller's shell in the accounts",
        ("-s", "echo", "$0"),
        env={"SHELL": None},
        ours={"out": "/usr/bin/bash\n"},
        because=PATHS,
    ),
    Row("an empty SHELL", ("-s", "echo", "$0"), env={"SHELL": ""}, ours={"out": "/usr/bin/bash\n"}, because=PATHS),
    Row("a SHELL that does not exist", ("-s", "true"), env={"SHELL": "/no/such/shell"}, refused=127),
    Row("a SHELL that is not executable", ("-s", "true"), env={"SHELL": "/etc/passwd"}, refused=126),
    Row("a SHELL that is a script", ("-s", "a", "b c"), env={"SHELL": "/srv/differential/bin/words"}),
    Row(
        "a shell reads its commands from standard input",
        ("-s",),
        streams="pipe pipe pipe",
        input=b"echo $0 from input; id -un\n",
        ours={"out": "/usr/bin/bash from input\nroot\n"},
        because=PATHS,
    ),
    Row("a shell as another user", ("-u", "bob", "-s", "id", "-un")),
    Row("a shell by the long option", ("--shell", "echo", "hello")),
    Row("a shell's environment", ("-s", "/srv/differential/bin/environment")),
    Row("both shells at once", ("-i", "-s", "true"), refused=120),
    # --- time
    Row("a time that is enough", ("-T", "30", "true")),
    Row("a time by the long option", ("--command-timeout=30", "true")),
    Row("a time with a unit", ("-T", "1m", "true")),
    Row("a time that ends the command", ("-T", "1", "sleep", "20"), ours={"status": -15, "speaks": True}, because=TIMEOUT),
    Row(
        "a time that ends a shell and what it started",
        ("-T", "1", "sh", "-c", "sleep 20; echo no"),
        ours={"status": -15, "speaks": True},
        because=TIMEOUT,
    ),
    Row(
        "a time that the command hears of",
        ("-T", "1", "sh", "-c", "trap 'echo term; exit 3' TERM; sleep 20 & wait"),
        ours={"status": 3, "out": "term\n", "speaks": True},
        because=TIMEOUT,
    ),
    Row("a time that is none", ("-T", "soon", "true"), refused=120),
    Row("a time that is negative", ("-T", "-5", "true"), refused=120),
    Row("an empty time", ("-T", "", "true"), refused=120),
    # --- descriptors
    Row("all descriptors from 3 on are closed", ("-C", "3", "ls", "/proc/self/fd"), around={"descriptors": [5]}),
    Row("close from 2 is too low", ("-C", "2", "true"), refused=120),
    Row("close from a word that is no number", ("-C", "x", "true"), refused=120),
    Row("close from a negative number", ("-C", "-1", "true"), refused=120),
    Row("close from the long option", ("--close-from=9", "true")),
    # --- what only concerns passwords
    Row("a prompt", ("-p", "password: ", *WHO)),
    Row("an empty prompt", ("-p", "", *WHO)),
    Row("a prompt by the long option", ("--prompt=x", *WHO)),
    Row(
        "a password from standard input, and none is asked for",
        ("-S", "cat"),
        streams="pipe pipe pipe",
        input=b"first line\nsecond\n",
    ),
    Row("a program that asks, and none is asked for", ("-A", *WHO), env={"SUDO_ASKPASS": "/bin/true"}),
    Row("no program that asks is named", ("-A", *WHO)),
    Row("a bell", ("-B", *WHO)),
    Row("HOME is the target's", ("-H", "sh", "-c", "echo $HOME")),
    Row("HOME is the target's by the long option", ("--set-home", "-u", "bob", "sh", "-c", "echo $HOME")),
    Row("not to ask", ("-n", *WHO)),
    Row("not to ask by the long option", ("--non-interactive", *WHO)),
    Row("not to ask, twice", ("-n", "-n", *WHO)),
    Row("the caller's groups", ("-P", *GROUPS), ours={"status": 120, "out": "", "speaks": True}, because=REFUSED),
    # --- the time stamp
    Row("to forget, and run", ("-k", *WHO)),
    Row("to forget, and run as somebody else", ("-k", "-u", "bob", *WHO)),
    Row("to forget, and a shell", ("-k", "-s", "id", "-un")),
    Row("to forget all, and run", ("-K", *WHO), refused=120),
    Row("to authenticate", ("-v",), ours={"out": lambda out: out.startswith("alice@EXAMPLE.TEST is alice on ")}, because=LEASES),
    Row("to authenticate, and run", ("-v", *WHO), refused=120),
    # --- about the tool
    Row("the version is on standard output", ("-V",), mask=r"(?s).+"),
    Row("the version by the long option", ("--version",), mask=r"(?s).+"),
    Row("the help is on standard output", ("-h",), mask=r"(?s).+"),
    Row("the help by the long option", ("--help",), mask=r"(?s).+"),
    Row(
        "the help wins over a command",
        ("--help", "true"),
        mask=r"(?s).+",
        ours={"status": 0, "out": "#", "speaks": False},
        because=STATUS,
    ),
    Row(
        "the version does not run the command",
        ("-V", "true"),
        mask=r"(?s).+",
        ours={"status": 0, "out": "#", "speaks": False},
        because=STATUS,
    ),
    Row(
        "a version that nobody can read",
        ("-V",),
        streams="null full pipe",
        mask=r"(?s).+",
        ours={"status": 125, "speaks": True},
        because=STATUS,
    ),
    Row("nothing at all", (), refused=120),
    Row("two dashes and nothing", ("--",), refused=120),
    Row("an option and nothing", ("-n",), refused=120),
    Row("an unknown option", ("-x", "true"), refused=120),
    Row("an unknown long option", ("--nosuchoption", "true"), refused=120),
    Row("an ambiguous beginning of a long option", ("--pr", "true"), refused=120),
    Row("an argument for an option that takes none", ("--login=x", "true"), refused=120),
    Row("a user that is asked to be listed", ("-U", "bob", "true"), refused=120),
    Row("another host", ("-h", "other.example.test", "true"), refused=120),
    Row("another root", ("-R", "/srv", "true"), refused=120),
    Row("a role", ("-r", "role", "true"), ours={"status": 120, "speaks": True}, because=REFUSED),
    Row("a type", ("-t", "type", "true"), ours={"status": 120, "speaks": True}, because=REFUSED),
    Row("a file to edit", ("-e", "/etc/passwd"), env={"EDITOR": "/bin/true"}, ours={"status": 120}, because=REFUSED),
    Row("an option after the command is the command's", ("echo", "-u", "bob")),
    Row("no update of the time stamp", ("-N", *WHO), ours={"status": 120, "out": "", "speaks": True}, because=REFUSED),
    # --- the list
    Row("may I run this", ("-l", "true"), drops=AFTER_THE_FIRST),
    Row("may I run this with its arguments", ("-l", "id", "-u", "a b"), drops=AFTER_THE_FIRST),
    Row("may I run this by its path", ("-l", "/usr/bin/true"), drops=AFTER_THE_FIRST),
    Row(
        "may I run this by a link to its directory",
        ("-l", "/bin/true"),
        drops=AFTER_THE_FIRST,
        ours={"out": "/usr/bin/true\n"},
        because=PATHS,
    ),
    Row(
        "may I run what is not there", ("-l", "nosuchcommand"), mask=r"(?s).+", ours={"out": "#", "speaks": False}, because=LISTS
    ),
    Row("may I run this as bob", ("-u", "bob", "-l", "true"), mask=r"(?s).+"),
    Row("what may I run", ("-l",), mask=r"(?s).+"),
    Row("what may I run, at length", ("-ll",), mask=r"(?s).+"),
    # --- background
    Row(
        "in the background",
        ("-b", "sh", "-c", "echo done > %W/marker"),
        after="for i in $(seq 300); do [ -s marker ] && break; sleep 0.1; done; sleep 0.05",
    ),
    Row("in the background the status is that of the start", ("-b", "false"), after="sleep 0.2"),
    Row("in the background with output to a pipe", ("-b", "echo", "hello"), around={"drain": 60}),
    Row("in the background what cannot be found", ("-b", "nosuchcommand"), refused=127),
    Row("in the background with input", ("-b", "cat"), streams="pipe pipe pipe", input=b"abc", around={"drain": 60}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    compared(row)
