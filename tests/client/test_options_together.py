# SPDX-License-Identifier: Apache-2.0
"""Which option of jitsudo goes with which, all of it: each option with each of the others that ask for something, and each pair.

Law: a cell says what a person gets. ``x``: the option has its effect. ``o``: it has none, and is accepted because sudo(8) accepts
it there. ``.``: it is refused by a sentence that names both, and the daemon is not even spoken to.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from jitpam import jitsudo as program
from jitpam.options import APART, MODES, OPTIONS, WORDS, following, read_options
from jitpam.usage import help_lines
from jitpam.wire import messages
from tests.client.acting import ID, Peer
from tests.marks import by_day, full
from tests.waiting import PATIENCE

MODE = {
    "run": "true",
    "explain": "-l true",
    "list": "-l",
    "get": "--get=ssh-certificate:x",
    "get and run": "--get=ssh-certificate:x true",
    "resume": f"--resume={ID}",
    "validate": "-v",
    "giveback": "-k",
    "giveback all": "-K",
    "edit": "-e /etc/hosts --from=/etc/hostname",
    "undo": f"--undo={ID}",
}
GRID = """
                   run explain list get own resume -v -k -K -e  --undo
-u=root            x   x       .    .   .   .      o  .  .  x  .
-g=root            x   x       .    .   .   .      o  .  .  x  .
-i                 x   x       x    .   .   .      .  x  .  .  .
-s                 x   x       x    .   .   .      .  x  .  .  .
-D=/               x   x       .    .   .   .      .  .  .  .  .
-E                 x   x       .    .   .   .      .  .  .  .  .
--preserve-env=A   x   x       .    .   .   .      .  .  .  .  .
-T=5               x   x       .    .   .   .      .  .  .  .  .
-b                 x   .       .    .   .   .      .  .  .  .  .
--reason=why       x   x       .    x   x   .      .  .  .  x  x
--for=2h           x   x       .    x   x   .      .  .  .  .  .
--uses=3           x   x       .    .   .   .      .  .  .  .  .
--at=22:00         x   .       .    .   .   .      .  .  .  x  x
--service=sudo     x   x       x    .   .   .      .  .  .  .  .
--break-glass      x   .       .    .   .   .      .  .  .  .  .
--yes-show         x   x       .    x   x   .      .  .  .  x  x
-n                 x   x       x    x   x   x      x  x  x  x  x
--no-wait          x   .       .    x   .   .      .  .  .  x  x
-q                 x   x       x    x   x   x      x  x  x  x  x
-B                 x   o       o    x   x   x      o  o  o  x  x
--to=/run/none/x   .   .       .    x   x   x      .  .  .  .  .
--key=KEY          .   .       .    x   x   .      .  .  .  .  .
--json             .   x       x    x   .   x      .  .  .  .  .
-k                 x   x       o    .   .   .      o  x  o  .  .
-l                 x   x       x    .   .   .      .  x  .  .  .
-v                 .   .       .    .   .   .      x  x  .  .  .
-K                 .   .       .    .   .   .      .  x  x  .  .
--get=group:x      x   .       .    x   x   .      .  .  .  .  .
-e                 x   x       .    .   .   .      .  .  .  x  x
--from=/etc/passwd .   .       .    .   .   .      .  .  .  x  .
--undo=X           .   .       .    .   .   .      .  .  .  .  x
--resume=X         .   .       .    .   .   x      .  .  .  .  .
-H                 o   o       o    o   o   o      o  o  o  o  o
-S                 o   o       o    o   o   o      o  o  o  o  o
-A                 o   o       o    o   o   o      o  o  o  o  o
-p=x               o   o       o    o   o   o      o  o  o  o  o
-C=3               o   o       o    o   o   o      o  o  o  o  o
A=1                x   x       .    .   .   .      .  .  .  .  .
"""
"""``own``: --get with a command of one's own. An option that asks for something itself (-i, -l, --get and so on) is `x` where the
two together are another mode: ``-k -i`` asks for a shell."""
HEAD, *LINES = GRID.strip("\n").splitlines()
CELLS = {(line.split()[0], mode): cell for line in LINES for mode, cell in zip(MODE, line.split()[1:], strict=True)}
QUIETLY = {"-n", "-q", "-B", "-b", "--to", "--json", "--yes-show", "-k"}
"""Options whose effect, in some modes, is in what jitsudo does, and not in what it asks."""
APART_TYPED = {
    "-s -i", "-E -i", "-b --no-wait", "-b --service=sudo", "--no-wait -n", "--at=22:00 -n", "--at=22:00 --service=sudo",
    "-T=5 --service=sudo", "--to=/run/none/x --no-wait", "-n --break-glass", "--no-wait --break-glass",
    "--at=22:00 --break-glass", "-k --break-glass", "--service=sudo --break-glass",
}  # fmt: skip


def typed(option: str, key: str = "/none") -> list[str]:
    name, _, value = option.partition("=")
    value = value.replace("KEY", key)
    return [name, value] if value and name.startswith("-") and not name.startswith("--") else [option.replace("KEY", key)]


@pytest.fixture
def key(tmp_path: Path) -> str:
    """A public key, for --key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True)
    return str(tmp_path / "id.pub")


def played(daemon: Any, *words: str) -> tuple[int, str, list[Any]]:
    """Run the program in a process of its own. Return its status, what it says, and what the daemon heard: None for somebody who
    only came. The daemon denies everything. What ``--resume`` then asks about the request is left out: it may be an edit, whose
    text is kept.
    """
    with tempfile.TemporaryFile() as said:
        status, heard = _played(daemon, words, said.fileno())
        said.seek(0)
        return status, said.read().decode(), [one for one in heard if not isinstance(one, messages.Show)]


def _played(daemon: Any, words: tuple[str, ...], said: int) -> tuple[int, list[Any]]:
    child = os.fork()
    if not child:
        os.setsid()  # no terminal: nobody can be asked
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.environ["JITD_SOCKET"] = daemon.path
        os.environ |= {"A": "1", "SUDO_EDITOR": "/bin/true"}
        sys.argv = ["jitsudo", *words]
        program.main()
    ended, heard = os.pidfd_open(child), []
    try:
        while True:
            ready = select.select([daemon.listener, ended], [], [], PATIENCE)[0]
            if daemon.listener not in ready:
                break
            connection, _ = daemon.listener.accept()
            with connection:
                connection.settimeout(PATIENCE)
                peer = Peer(connection)
                with suppress(ConnectionError):  # it has gone before it has said anything
                    heard.append(peer.welcome())
                    if heard[-1] is not None and not isinstance(heard[-1], messages.Bye):
                        peer.say(messages.Refused(code="denied", text="denied by the test"))
    finally:
        os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), heard


def is_refused(status: int, said: str, *names: str) -> bool:
    """120, and one sentence that names both, and says what to do."""
    told = re.fullmatch(r"jitsudo: (\S+|a command) does not go with ((?:\S+|a command).*?): .*(type|leave|give|use) .*\n", said)
    return status == 120 and told is not None and all(name in told[1] + " " + told[2] for name in names)


EVERY_DAY = {(option, mode) for (option, mode), cell in CELLS.items() if cell == "x" or mode in ("run", "list")}
OTHERS = full("every day, each effect is played, and all else with a command and with -l; each refusal is read from the grid")


@pytest.mark.parametrize(("option", "mode"), by_day(CELLS, EVERY_DAY, OTHERS))
def test_an_option_works_or_is_refused_by_a_sentence_that_names_both_and_nothing_is_asked(
    option: str, mode: str, daemon: Any, key: str
) -> None:
    cell, name = CELLS[option, mode], option.split("=")[0]
    told = "VAR=value" if name == "A" else name
    reason = ["--reason=why"] if name == "--break-glass" and cell == "x" else []
    status, said, heard = played(daemon, *reason, *typed(option, key), *MODE[mode].split())
    if cell == ".":
        other = MODE[mode].split()[0].split("=")[0] if MODES[mode].option else "a command"
        assert is_refused(status, said, *([told] if name in ("-v", "-K", "--resume", "--undo") else [told, other])), said
        assert heard == [], "nothing is asked of the daemon"
        return
    assert "does not go with" not in said
    if name == "--break-glass":
        assert status == 120 and "has to be confirmed on a terminal" in said and heard == []
        return
    if name == "-e" and mode == "run":  # it takes `true` for a new file, and asks about it first
        assert status == 0 and len(heard) == 1 and "true not made: its text would be empty" in said, said
        return
    if name == "--to" or (mode == "get and run" and not heard):
        assert "/run/none" in said and heard == [], said
        return
    assert status != 120 and len(heard) == 1, said
    _, _, plain = played(daemon, *MODE[mode].split())
    if cell == "o":
        assert [encoded(one) for one in heard] == [encoded(one) for one in plain]
    elif name not in QUIETLY | {"-l", "-v", "-K", "--get", "--resume", "-e", "--from", "--undo"}:
        assert [encoded(one) for one in heard] != [encoded(one) for one in plain], f"{option} is dropped"


def encoded(message: Any) -> Any:
    """All of ``message``, but only whether there is a login session: each process of a test has one of its own."""
    fields = {name: getattr(message, name) for name in message.fields}
    return type(message), {**fields, "login_session": fields.get("login_session") is None}


@pytest.mark.parametrize("pair", sorted(APART_TYPED))
def test_a_pair_that_does_not_go_together_is_refused_in_either_order_and_nothing_is_asked(pair: str, daemon: Any) -> None:
    one, other = pair.split()
    rest = ["--get=vault:x"] if one.startswith("--to") else ["--reason=why", "true"]
    for first, then in ((one, other), (other, one)):
        status, said, heard = played(daemon, *typed(first), *typed(then), *rest)
        assert is_refused(status, said, one.split("=")[0], other.split("=")[0]) and heard == [], said


def test_every_other_pair_of_options_of_a_command_goes_together() -> None:
    fit = [
        option
        for (option, mode), cell in CELLS.items()
        if mode == "run" and cell in "xo" and option not in ("-l", "--get=group:x", "-e")
    ]
    assert len(fit) > 20
    for one, other in combinations(fit, 2):
        if f"{one} {other}" not in APART_TYPED and f"{other} {one}" not in APART_TYPED:
            read_options([word.encode() for word in (*typed(one), *typed(other), "true")])


def test_the_grid_has_every_option_that_is_not_refused_everywhere() -> None:
    named = {one.letter or one.name.rstrip("=") for one in OPTIONS if not one.never} - {"V", "h"}
    assert {option.lstrip("-").split("=")[0] for option, _ in CELLS if option != "A=1"} == named
    assert len(APART_TYPED) == len(APART) and {one.name for one in WORDS} == {"VAR=value", "COMMAND"}


@pytest.mark.parametrize("ends", ["-h", "-V"])
def test_the_help_and_the_version_are_printed_whatever_else_is_typed(ends: str, daemon: Any) -> None:
    for option in [
        line.split()[0]
        for line in LINES
        if line.split()[0] not in ("-l", "-v", "-K", "--get=group:x", "--resume=X", "-e", "--undo=X")
    ]:
        status, said, heard = played(daemon, *typed(option), ends)
        assert (status, heard) == (0, []) and said.startswith(("usage: ", "jitsudo 0"))


@pytest.mark.parametrize("words", ["-v id", "-K id", f"--resume={ID} id", "-v -- id"])
def test_a_command_is_refused_where_none_runs(words: str, daemon: Any) -> None:
    status, said, heard = played(daemon, *words.split())
    assert is_refused(status, said, "a command", words.split()[0].split("=")[0]) and heard == [], said


def test_what_a_refusal_suggests_is_a_command_line_that_is_read() -> None:
    """With what stands for an argument or a command taken literally."""
    values = {"DURATION": "2h", "N": "3", "TIME": "22:00", "NUMBER": "3"}
    for (option, mode), cell in CELLS.items():
        if cell == "." and option.split("=")[0] not in ("-v", "-K", "-l", "--get", "--resume", "-e", "--undo"):
            with pytest.raises(Exception, match="type jitsudo") as caught:
                read_options([word.encode() for word in (*typed(option), *MODE[mode].split())])
            line = re.search(r"type jitsudo (.*)$", str(caught.value))
            assert line
            words = re.sub(r"(?<!-)\b[A-Z]+\b", lambda word: values.get(word[0], "x"), line[1]).split()
            read_options([word.encode() for word in words])


def test_the_help_has_a_line_for_each_option_and_each_mode() -> None:
    text = "\n".join(help_lines(80))
    for one in OPTIONS:
        assert one.never or one.typed in text
    for mode in MODES.values():
        assert not mode.option or re.search(rf"^       jitsudo .*{re.escape(mode.line.split()[1].split('=')[0])}\b", text, re.M)


@pytest.mark.parametrize(
    ("before", "some", "none"),
    [
        ("", {"--for=", "--list", "--get=", "--help", "--edit"}, {"--host=", "--set-home"}),
        ("-K", {"--non-interactive", "--quiet"}, {"--for=", "--user=", "--json"}),
        ("-l", {"--json", "--for=", "--user="}, {"--no-wait", "--at=", "--get="}),
        ("--resume=X", {"--json", "--to="}, {"--for=", "--reason=", "--yes-show"}),
        ("--get=x", {"--to=", "--key=", "--for="}, {"--uses=", "--user="}),
        ("-n", {"--for="}, {"--no-wait", "--at=", "--break-glass"}),
        ("id", set(), {"--for=", "--help"}),
    ],
)
def test_a_shell_offers_only_options_that_go_with_what_is_typed(before: str, some: set[str], none: set[str]) -> None:
    found = set(following([word.encode() for word in before.split()]))
    assert found >= some and not found & none


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("-D /nonexistent true", "-D /nonexistent: No such file or directory; nothing was asked"),
        ("-D /etc/passwd true", "-D /etc/passwd: is not a directory; nothing was asked"),
    ],
)
def test_a_directory_that_is_none_is_told_with_its_option_and_nothing_is_asked(words: str, told: str, daemon: Any) -> None:
    status, said, heard = played(daemon, *words.split())
    assert (status, said) == (120, f"jitsudo: {told}\n")
    assert all(one is None or isinstance(one, messages.Bye) for one in heard), "the client only came, and went"
