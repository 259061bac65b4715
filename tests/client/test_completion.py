# SPDX-License-Identifier: Apache-2.0
"""What a shell is offered to complete with: words of the program and ids, silently. By the verb, and by the shells' scripts."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pexpect
import pytest

from jitd.cli import VERBS, cli, completion
from jitd.cli.completion import PLAIN
from jitd.core.edit import Edit, NewFile, Removal
from jitd.core.request import RequestState
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.options import OPTIONS
from tests.client.script import HOSTILE, Row, Script, jitd, row_for, waiting
from tests.scene import asked, command
from tests.waiting import PATIENCE, wait_for

TREE = Path(__file__).parents[2]
SCRIPTS = TREE / "contrib/completion"
GIVES_UP_AFTER = completion.WITHIN
MINE, OTHERS = "MMMM-1111", "QQQQ-2222"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb runs in this process, which is not to end with it."""
    monkeypatch.setattr(completion, "WITHIN", 3600.0)


def rows() -> list[Row]:
    return [row_for(waiting("true", id=MINE), viewer="alice"), row_for(waiting("true", id=OTHERS))]


def edits() -> list[Row]:
    """Edits, a new file and a removal of alice's, an edit of another, and what is no edit of hers."""
    edit = Edit(1, 2, 0, 0, 0o644, b"\1" * 32, b"\2" * 32)
    what = replace(command("sudoedit", "/etc/motd"), path=b"sudoedit", digest=b"", edit=edit)
    new = replace(what, edit=None, makes=NewFile(1, 2, 0, 0, 0o644, b"\2" * 32))
    gone = replace(what, edit=None, removes=Removal(1, 2, 0, 0, 0o644, b"\2" * 32, "MMMM-3333"))
    approved = RequestState.APPROVED
    mine = (
        replace(asked(what=what, id=MINE), state=approved),
        asked(what=what, id="MMMM-2222"),
        replace(asked(what=new, id="MMMM-3333"), state=approved),
        replace(asked(id="MMMM-4444"), state=approved),
        replace(asked(what=gone, id="MMMM-5555"), state=approved),
    )
    theirs = row_for(replace(asked(what=what, id=OTHERS), state=approved))
    return [*(row_for(one, viewer="alice") for one in mine), theirs]


def test_the_edits_of_a_person_that_can_be_taken_back_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert offered(capsys, "jitsudo", "-e", "--undo", "", script=Script(*edits())) == [MINE, "MMMM-3333", "MMMM-5555"]


def offered(capsys: pytest.CaptureFixture[str], *typed: str, script: Script | None = None) -> list[str]:
    assert jitd(script or Script(*rows()), "complete", "--", *typed) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


def test_a_verb_that_is_for_shells_is_in_no_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(Script(), "--help") == 0
    assert not re.search(r"^  complete\b", capsys.readouterr().out, re.MULTILINE)
    assert set(offered(capsys, "")) == VERBS - {"complete"}


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("show ", [MINE, OTHERS]),
        ("approve ", [OTHERS]),
        ("deny ", [OTHERS]),
        ("withdraw ", [MINE]),
        ("jitsudo --resume ", [MINE]),
        ("approve --yes ", [OTHERS]),
        ("approve --comment ", []),
        ("requests ", []),
        ("frobnicate ", None),
    ],
)
def test_the_ids_that_a_verb_takes_are_offered(typed: str, ids: list[str] | None, capsys: pytest.CaptureFixture[str]) -> None:
    found = offered(capsys, *typed.split(" "))
    assert found == ids if ids is not None else MINE not in found and OTHERS not in found


def test_the_reviews_that_a_person_may_give_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    owed: tuple[Row, ...] = ({"id": OTHERS, "may_give": True}, {"id": MINE, "may_give": False, "mine": True})
    assert offered(capsys, "review", "", script=Script(*rows(), reviews=owed)) == [OTHERS]
    assert offered(capsys, "review", "--comment", "", script=Script(*rows(), reviews=owed)) == []


@pytest.mark.parametrize(
    ("typed", "some", "none"),
    [
        ("approve -", {"--yes", "--comment", "--help"}, {"--json", OTHERS}),
        ("requests --", {"--watch", "--all", "--json"}, {"--yes"}),
        ("audit ", {"show", "verify", "export"}, {"approve"}),
        ("audit show --", {"--after", "--json", "--follow", "--since", "--until", "--who", "--rule", "--event"}, {"--yes"}),
        ("replay --export ", {"asciicast", "sudo"}, {"--speed"}),
        ("-", {"--help", "--host", "--via"}, {"approve"}),
        ("--host db17 --via ssh ", {"approve", "audit"}, {"mute", "setup"}),
        ("--host=db17 --via=ssh audit ", {"show"}, {"export", "verify"}),
        ("--host db17 --via ssh approve -", {"--yes"}, set()),
        ("--host db17 --via ssh approve ", set(), {OTHERS}),
        ("--host ", set(), {"approve"}),
        ("--host db17 --via ", set(), {"approve"}),
        ("jitsudo --", {"--reason=", "--resume=", "--no-wait", "--list"}, {"--yes"}),
    ],
)
def test_options_and_words_are_offered(typed: str, some: set[str], none: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = set(offered(capsys, *typed.split(" ")))
    assert found >= some and not found & none


@pytest.mark.parametrize("verb", sorted(VERBS - {"complete"}))
def test_every_verb_has_an_answer(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--help" in offered(capsys, verb, "--") and offered(capsys, verb, "") is not None


@pytest.mark.parametrize(
    "fault",
    [
        NotAuthenticated("no ticket", "you have no Kerberos ticket: kinit"),
        Unreachable("jitd is not there"),
        RefusedByDaemon("forbidden", "only operators and root may see locks"),
        OSError(5, "Input/output error"),
    ],
)
def test_whatever_goes_wrong_nothing_is_said(fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert offered(capsys, "approve", "", script=Script(fault=fault)) == []


def test_nothing_is_offered_that_a_shell_could_take_for_more_than_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a daemon says its ids are."""
    evil = [
        HOSTILE.decode("utf-8", "surrogateescape"),
        "$(id)",
        "`id`",
        "a;id",
        "a b",
        "a\nb",
        "--x;",
        "\x1b[2J",
        "-rf",
        "~root",
        "",
    ]
    script = Script(*({**row_for(waiting("true")), "id": id} for id in evil))
    assert offered(capsys, "show", "", script=script) == []
    assert [word for word in evil if PLAIN.fullmatch(word)] == []


def test_the_verb_waits_several_times_as_long_as_a_list_takes() -> None:
    assert GIVES_UP_AFTER >= 5 * 0.3


@pytest.fixture
def silent(tmp_path: Path) -> object:
    """A socket where nobody answers."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "silent"))
    listening.listen()
    yield str(tmp_path / "silent")
    listening.close()


def test_a_daemon_that_does_not_answer_is_not_waited_for(silent: str) -> None:
    """It ends by itself, and says nothing. How long that takes is measured by `make bench`."""
    program = "import sys; from jitd.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "complete", "--", "approve", ""],
        env={**os.environ, "JITD_SOCKET": silent}, stdin=subprocess.DEVNULL, capture_output=True, cwd=TREE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# --- the shells' own scripts ---------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A directory with a jitd that offers what is written here, and writes down what it was asked."""
    program = tmp_path / "jitd"
    program.write_text(f'#!/bin/sh\nprintf "<%s>" "$@" >>{tmp_path}/asked\nprintf "%s\\n" approve audit {OTHERS} --reason=\n')
    program.chmod(0o755)
    return tmp_path


def run(shell: list[str], script: str, path: Path) -> str:
    done = subprocess.run(
        [*shell, "-c", script], env={"PATH": f"{path}:/usr/bin:/bin", "HOME": str(path), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=True, cwd=path,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "reply", "asked"),
    [
        ("jitd a", "approve audit", "<complete><--><a>"),
        ("jitd approve Q", OTHERS, "<complete><--><approve><Q>"),
        ("jitd approve $(touch${IFS}evil)", "", "<complete><--><approve><$(touch${IFS}evil)>"),
        ("jitsudo --for 1h --resume Q", OTHERS, "<complete><--><jitsudo><--resume><Q>"),
        ("jitsudo --resume = Q", OTHERS, "<complete><--><jitsudo><--resume><Q>"),
        ("jitsudo -e --undo Q", OTHERS, "<complete><--><jitsudo><--undo><Q>"),
        ("jitsudo -e --undo = Q", OTHERS, "<complete><--><jitsudo><--undo><Q>"),
        ("jitsudo --for 1h --r", "--reason=", "<complete><--><jitsudo><--r>"),
        ("jitsudo --r", "--reason=", "<complete><--><jitsudo><--r>"),
    ],
)
def test_bash_completes(typed: str, reply: str, asked: str, path: Path) -> None:
    words = typed.split(" ")
    given = " ".join(shlex.quote(word) for word in words)
    script = f"""
        compopt() {{ :; }}
        source {SCRIPTS}/jitd.bash
        COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}; COMP_LINE={shlex.quote(typed)}; COMP_POINT={len(typed)}
        _{words[0]}
        echo "${{COMPREPLY[@]}}"
    """
    assert run(["/usr/bin/bash", "--norc"], script, path).strip() == reply
    assert (path / "asked").read_text() == asked and not (path / "evil").exists()


@pytest.mark.parametrize(
    ("typed", "reply"),
    [
        ("jitd a", {"approve", "audit"}),
        ("jitsudo --re", {"--reason="}),
        ("jitsudo -e --undo=Q", {f"--undo={OTHERS}"}),
        ("jitsudo -u roo", {"root"}),
        ("jitsudo --user=roo", {"--user=root"}),
        ("jitsudo -g roo", {"root"}),
        ("jitsudo -D /opt", {"/opt/"}),
    ],
)
def test_fish_completes(typed: str, reply: set[str], path: Path) -> None:
    script = f"source {SCRIPTS}/jitd.fish; complete -C {shlex.quote(typed)}"
    found = run(["/usr/bin/fish", "--no-config"], script, path)
    assert {line.split("\t")[0] for line in found.splitlines()} == reply


SHELLS = {
    "bash": (["/usr/bin/bash", "--norc", "--noprofile", "-i"], f"source {SCRIPTS}/jitd.bash"),
    "zsh": (
        ["/usr/bin/zsh", "-fi"],
        f"fpath=({SCRIPTS} $fpath); autoload -Uz compinit; compinit -D; zstyle ':completion:*' users root",
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        ("jitsudo -u roo\tid\r", ["-u", "root", "id"]),
        ("jitsudo --user roo\tid\r", ["--user", "root", "id"]),
        ("jitsudo -n -g roo\tid\r", ["-n", "-g", "root", "id"]),
        ("jitsudo -D /op\t id\r", ["-D", "/opt", "id"]),
        ("jitsudo -T \t1m id\r", ["-T", "1m", "id"]),
        ("jitsudo --for \t1h id\r", ["--for", "1h", "id"]),
        ("jitsudo --for 1h -u roo\tid\r", ["--for", "1h", "-u", "root", "id"]),
        ("jitsudo --resume \t\r", ["--resume", OTHERS]),
        ("jitsudo -e --undo \t\r", ["-e", "--undo", OTHERS]),
        ("jitsudo --undo=\t\r", [f"--undo={OTHERS}"]),
        ("jitsudo -D my\t id\r", ["-D", "my dir", "id"]),
        ("jitsudo --rea\tx id\r", ["--reason=x", "id"]),
        ("jitd approve \tX\r", ["approve", "X"]),
        ("jitd check .hid\t\r", ["check", ".hidden"]),
    ],
)
def test_what_tab_completes_at_a_terminal(shell: str, keys: str, typed: list[str], path: Path) -> None:
    """In a directory with one hidden file. That is offered where a file is wanted, and nowhere else."""
    words, begins = SHELLS[shell]
    for name in ("jitsudo", "jitd"):
        program = path / name
        tells = f'printf "%s\\n" "$@" >{path}/new; mv {path}/new {path}/typed'
        program.write_text(
            f'#!/bin/sh\ncase "$*" in "complete -- jitsudo --resume"* | "complete -- jitsudo --undo"*) echo {OTHERS} ;;'
            ' "complete -- jitsudo"*) echo --reason= ;;'
            f" complete*) ;; *) {tells} ;; esac\n"
        )
        program.chmod(0o755)
    (path / "here").mkdir()
    (path / "here/.hidden").touch()
    (path / "here/my dir").mkdir()
    own = {"PATH": f"{path}:/usr/bin:/bin", "HOME": str(path), "LANG": "C.UTF-8", "TERM": "dumb", "PS1": "ready> "}
    with pexpect.spawn(words[0], words[1:], env=own, cwd=str(path / "here"), timeout=PATIENCE, dimensions=(24, 200)) as terminal:
        terminal.sendline(f"{begins}; PS1='go''> '")
        terminal.expect("go> ")
        terminal.send(keys)
        wait_for((path / "typed").exists, what=f"the program that {shell} calls with what was typed")
    assert [word.rstrip("/") for word in (path / "typed").read_text().splitlines()] == typed


@pytest.mark.parametrize("script", ["jitd.bash", "_jitd"])
def test_each_option_with_a_value_is_known_to_the_scripts(script: str) -> None:
    """Else its value is taken for the command."""
    found = re.search(r"""valued=["(]([^")]*)[")]""", (SCRIPTS / script).read_text())
    valued = [one for one in OPTIONS if one.argument and not one.name.endswith("=") and one.name.islower()]
    letters, names = {f"-{one.letter}" for one in valued if one.letter}, {f"--{one.name}" for one in valued}
    assert found and set(found[1].split()) == letters | names


def test_files_are_offered_for_the_verbs_that_take_one() -> None:
    """By each shell's script, which names these verbs."""
    take_files = {name for name in VERBS if takes_a_file(cli.get_command(click.Context(cli), name))}
    for script, named in (
        ("jitd.bash", r"(.*)\) compopt -o default"),
        ("_jitd", r"jitd && \$\{words\[2\]\} == \((.*?)\) \]\]"),
        ("jitd.fish", r"seen_subcommand_from (.*)' -F"),
    ):
        found = re.search(named, (SCRIPTS / script).read_text())
        assert found and {*re.findall("[a-z-]+", found[1])} == take_files, script


def takes_a_file(verb: click.Command | None) -> bool:
    assert verb is not None
    if isinstance(verb, click.Group):
        return any(takes_a_file(one) for one in verb.commands.values())
    kinds = (click.Path, click.File)
    return any(isinstance(one.type, kinds) or one.metavar in ("FILE", "DIR", "PATH") for one in verb.params)


def test_zsh_reads_its_script(path: Path) -> None:
    """That it offers what it should is tried by hand; here that it is a script of zsh for both programs."""
    assert run(["/usr/bin/zsh", "-fn"], f"source {SCRIPTS}/_jitd", path) == ""
    assert (SCRIPTS / "_jitd").read_text().startswith("#compdef jitd jitsudo\n")
