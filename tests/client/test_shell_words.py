# SPDX-License-Identifier: Apache-2.0
"""What jitsudo says of a word that is no file, but something to the shell in which it was typed."""

import pytest

from jitpam.options import read_options
from jitpam.shell_words import explained
from jitpam.wire.messages import DaemonHello, Refused

MISSING = "there is no such command"
DIRECTORY = "is a builtin of the shell, and changes only the shell's own directory: jitsudo -D DIR COMMAND"
ALIAS = "if it is an alias or a function of your shell, `type ll` shows the command that it stands for"


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["cd", "/var/log"], f"cd {DIRECTORY}"),
        (["-u", "bob", "pushd", "x"], f"pushd {DIRECTORY}"),
        (
            ["export", "A=1"],
            "export is a builtin of the shell, and changes only the shell's own variables: jitsudo NAME=VALUE COMMAND",
        ),
        (["ulimit", "-n"], "ulimit is a word of the shell, and not a file: jitsudo -s asks for a shell"),
        ([".", "file"], ". is a word of the shell, and not a file: jitsudo -s asks for a shell"),
        (["if", "true"], "if is a word of the shell, and not a file: jitsudo -s asks for a shell"),
        (["ll"], ALIAS),
        (["\x1b[31m"], ALIAS.replace(" ll`", r" \x1b[31m`")),
        (["./ll"], ""),
        (["/usr/bin/cd"], ""),
        (["-s", "cd", "/"], ""),
        (["-i"], ""),
        (["--resume=K7QM-2XVD"], ""),
    ],
)
def test_a_word_of_the_shell_is_named_as_what_it_is(words, more, monkeypatch):
    monkeypatch.setattr("posix.isatty", lambda number: True)
    said = explained(MISSING, read_options([word.encode() for word in words]))
    assert said == (f"{MISSING}; {more}" if more else MISSING)


def test_a_script_is_not_told_of_aliases(monkeypatch):
    monkeypatch.setattr("posix.isatty", lambda number: False)
    assert explained(MISSING, read_options([b"ll"])) == MISSING
    assert DIRECTORY in explained(MISSING, read_options([b"cd"]))


@pytest.mark.parametrize(("words", "status"), [(["cd", "/tmp"], 127), (["-l", "cd", "/tmp"], 1)])
def test_cd_is_refused_as_before_and_says_how_to_name_a_directory(daemon, jitsudo, words, status):
    def script(peer):
        peer.welcome()
        peer.say(Refused(code="missing", text=f"cd: {MISSING}"))

    daemon.play(script)
    done = jitsudo(*words)
    assert (done.returncode, done.stdout or done.stderr.removeprefix(b"jitsudo: ")) == (
        status,
        f"cd: {MISSING}; cd {DIRECTORY}\n".encode(),
    )


OWN = "is a builtin of the shell, and changes only the shell's own"


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["cd", "/var/log"], f"cd {OWN} directory: cd before jitsudo"),
        (["export", "A=1"], f"export {OWN} variables: env NAME=VALUE COMMAND"),
        (["ulimit", "-n"], "ulimit is a word of the shell, and not a file: sh -c understands it"),
        (["no-such-command"], ""),
    ],
)
def test_of_a_command_of_ones_own_it_says_how_that_gets_there(daemon, jitsudo, words, more):
    heard = []

    def script(peer):
        assert peer.hear().authentication == "root"
        peer.say(DaemonHello(version=1, nonce=bytes(32)))
        heard.append(peer.hear())

    daemon.play(script)
    done = jitsudo("--get=vault:x", "--", *words)
    daemon.finish()
    assert (done.returncode, done.stdout, heard) == (127, b"", [None])
    said = f"jitsudo: {words[0]}: command not found; nothing was asked"
    assert done.stderr.decode() == f"{said}; {more}\n" if more else f"{said}\n"
