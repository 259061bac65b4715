# SPDX-License-Identifier: Apache-2.0
"""The module in C beside the one in Python: in one situation both ask the same, say the same, and answer the same.

Law: jitpam/pam_jit.py is the model. A program that uses PAM cannot tell by its answers which of the two it has.
"""

from __future__ import annotations

import os
import re
import subprocess
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.pam.application import DENIED, KINDS, PYTHON, SO, SOURCES, SUCCESS, Application, Bench, Voice, grants, jitd
from tests.pam.test_sabotage import PROVES

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people, and a stack of root's")
ALICE = 4001
INSTALLED = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/security/pam_jit.so")
LONG = "\N{GREEK SMALL LETTER ALPHA}" * 2100


@pytest.fixture(scope="module")
def benches() -> Iterator[dict[str, Bench]]:
    made = {kind: Bench(kind) for kind in KINDS}
    for bench in made.values():
        bench.stack(bench.module("", PROVES))
    yield made
    for bench in made.values():
        bench.close()


@dataclass
class Said:
    """What came of one transaction: the answer, what the person read, and what jitd heard."""

    answer: int
    told: list[tuple[int, str]]
    heard: list[dict[str, Any]] = field(default_factory=list)

    def without_what_differs(self) -> Said:
        """Each connection has a nonce of its own, and each program a session."""
        heard = [{key: value for key, value in each.items() if key not in ("nonce", "login_session")} for each in self.heard]
        return Said(self.answer, self.told, heard)


def refuses(voice: Voice) -> None:
    voice.proved()
    voice.refuse("denied: \u202eno \x1b[2Jrule \x85 permits this")


def asks_and_refuses(voice: Voice) -> None:
    voice.proved()
    voice.news("request AAAA-AAAA: true", "wait", "%n" * 1000)
    voice.refuse("denied by bob@EXAMPLE.TEST")


def ask(
    bench: Bench,
    *,
    script: Any = grants,
    user: str | bytes | None = "alice",
    service: str = "su",
    stage: str = "acct_mgmt",
    uid: int = 0,
    flags: int = 0,
    items: Mapping[str, str | bytes] | None = None,
    env: Mapping[str, str | bytes] | None = None,
    words: tuple[str, ...] = ("its", "words"),
    cwd: str = "/",
) -> Said:
    around = {"PATH": "/usr/bin:/bin", **(env or {})}
    with jitd(bench.socket, script) as had, Application(bench.stacks, around, ("/usr/bin/env", "-C", cwd), words) as host:  # type: ignore[arg-type]
        host.start(user, service)
        for name, value in (items or {}).items():
            if name.isupper():
                host.order("env", (name.encode() + b"=" + (value if isinstance(value, bytes) else value.encode())).hex())
            else:
                host.set(name, value)
        if uid:
            host.order("uid", uid)
        answer = host.call(stage, flags)
        said = host.said
    return Said(answer, said, [message for voice in had for message in voice.heard])


def both(benches: Mapping[str, Bench], **how: Any) -> Said:
    """What came of it, which is the same with both."""
    by = {kind: ask(bench, **how).without_what_differs() for kind, bench in benches.items()}
    assert by[SO] == by[PYTHON]
    return by[SO]


CALLERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "all items": {"items": {"tty": "/dev/pts/3", "rhost": "h\N{LATIN SMALL LETTER U WITH DIAERESIS}", "ruser": "alice"}},
    "long items": {"items": {"tty": LONG, "ruser": LONG}},
    "a long host": {"items": {"rhost": "h" * 4099}},
    "items that are no text": {"items": {"tty": b"\xff", "rhost": b"\xed\xa0\x80", "ruser": b"a\xc0\xaf"}},
    "a reason": {"env": {"JITSUDO_REASON": "because " + "x" * 1100}},
    "no reason": {"env": {"JITSUDO_REASON": ""}},
    "a shell": {"env": {"SHELL": b"/bin/\xff\xfe", "POSIXLY_CORRECT": ""}},
    "no path": {"env": {"PATH": ""}},
    "a path of sudo's": {"service": "sudo", "env": {"PATH": "/nowhere:/usr/bin"}},
    "a cache": {"env": {"KRB5CCNAME": "FILE:/tmp/x"}},
    "an empty cache": {"env": {"KRB5CCNAME": ""}},
    "empty words": {"words": ("", "", "a b", "")},
    "a thousand words": {"words": tuple(str(number) for number in range(1000))},
    "bytes in words": {"words": ("\udcff\n\t\u202e",)},
    "a directory": {"cwd": "/usr/share"},
    "silent": {"flags": 0x8000},
    "another service": {"service": "x"},
}
LOGINS: dict[str, dict[str, Any]] = {
    "plain": {},
    "by a ticket": {"items": {"SSH_AUTH_INFO_0": "gssapi-with-mic alice@EXAMPLE.TEST\n"}},
    "a method that is no text": {"items": {"SSH_AUTH_INFO_0": b"\xff"}},
    "a cache that is no text": {"items": {"KRB5CCNAME": b"FILE:\xff"}},
    "an empty cache": {"items": {"KRB5CCNAME": ""}},
    "of root": {"user": "root"},
    "of nobody": {"user": "nobody-of-that-name"},
    "without a user": {"user": None},
    "of a user that is no text": {"user": b"\xff"},
    "its own environment is not the person's": {"env": {"JITSUDO_REASON": "x", "SHELL": "/x", "KRB5CCNAME": "FILE:/x"}},
}


@pytest.mark.parametrize("case", CALLERS)
def test_of_a_program_that_its_caller_has_started_both_ask_the_same(case: str, benches: dict[str, Bench]) -> None:
    """THREATS P-02."""
    for bench in benches.values():
        for service in ("sudo", "x"):
            bench.stack(bench.root / bench.kind, service=service)
    said = both(benches, uid=ALICE, script=asks_and_refuses, **CALLERS[case])
    assert said.answer == DENIED and len(said.heard) == 4, "it was asked, and proved"
    assert both(benches, uid=ALICE, **CALLERS[case]).answer == SUCCESS


@pytest.mark.parametrize("stage", ["authenticate", "acct_mgmt", "open_session"])
@pytest.mark.parametrize("case", LOGINS)
def test_of_a_login_both_ask_the_same(case: str, stage: str, benches: dict[str, Bench]) -> None:
    """THREATS P-02."""
    for bench in benches.values():
        bench.stack(bench.root / bench.kind, service="sshd")
    both(benches, service="sshd", stage=stage, script=refuses, **LOGINS[case])
    both(benches, service="sshd", stage=stage, **LOGINS[case])


ARGUMENTS = {
    "": True, "quiet": True, "debug": True, "wait=0": True, "wait=999999": True, "stage=account": True,
    "quiet debug wait=5": True, "stage=session stage=account": True, "wait=x wait=5": False, "wait=": False,
    "wait=1000000": False, "wait=-1": False, "wait=+1": False, "wait=1.0": False, "wait": False, "wait=1_0": False,
    "wait=0x1": False, "quiet=": False, "debug=1": False, "quietly": False, "Quiet": False, "stage=": False,
    "stage=password": False, "stage=auth": False, "stage=session": False, "stage": False, "socket=": False,
    "socket=x": False, "socket": False, "=": False, "%n%s": False, "\u202e\x1b": False, "[wait=1 2]": False,
    "wait=\u0661": False,
}  # fmt: skip


@pytest.mark.parametrize("words", ARGUMENTS)
def test_both_take_the_same_arguments(words: str, benches: dict[str, Bench]) -> None:
    try:
        for bench in benches.values():
            bench.stack(bench.root / bench.kind, words)
        said = both(benches, user="root")
        assert (said.answer == SUCCESS) == ARGUMENTS[words], said
        if not ARGUMENTS[words]:
            assert said.heard == [], "nobody was asked"
            assert said.told, "and it says why"
    finally:
        for bench in benches.values():
            bench.stack(bench.root / bench.kind)


# --- what only the one in C has ------------------------------------------------------------------------------------------


def environment_of(*variables: bytes) -> str:
    """A program that starts another with exactly these variables, some of them twice."""
    return (
        "import ctypes, sys; words = [word.encode() for word in sys.argv[1:]];"
        "made = lambda of: (ctypes.c_char_p * (len(of) + 1))(*of);"
        f"ctypes.CDLL(None).execve(words[0], made(words), made({list(variables)!r}))"
    )


@pytest.mark.parametrize("change", ["module", "module's directory", "initiator"])
def test_files_of_the_module_in_c_that_others_can_change_are_refused(change: str) -> None:
    """THREATS P-11: libpam itself does not look."""
    bench = Bench(SO)
    try:
        bench.stack(bench.module("", PROVES))
        assert ask(bench).answer == SUCCESS
        file = {"module": bench.root / SO, "module's directory": bench.root, "initiator": bench.root / "initiator.py"}[change]
        for mode in (0o775, 0o757):
            file.chmod(mode)
            said = ask(bench)
            assert (said.answer, said.heard) == (DENIED, []) and "can be changed by others than root" in said.told[0][1]
        file.chmod(0o755)
        os.chown(file, 4005, -1)
        assert ask(bench).answer == DENIED
    finally:
        bench.close()


def test_a_link_on_the_way_to_the_module_that_others_can_turn_is_refused() -> None:
    """THREATS P-11: where it leads now is root's alone, in each case."""
    bench = Bench(SO)
    try:
        bench.module("", PROVES)
        roots, theirs = bench.root / "roots", bench.root / "theirs"
        roots.mkdir()
        theirs.mkdir()
        for place in (roots, theirs):
            (place / "on").symlink_to("../../..")
            (place / "link").symlink_to(f"on/{bench.root.relative_to('/')}")
        bench.stack(roots / "link" / SO)
        assert ask(bench).answer == SUCCESS
        os.chown(roots / "on", ALICE, -1, follow_symlinks=False)
        assert (ask(bench).answer, ask(bench).told) == (DENIED, [(3, f"jitd: {roots}/on can be changed by others than root")])
        os.chown(theirs, ALICE, -1)
        bench.stack(theirs / "link" / SO)
        assert (ask(bench).answer, ask(bench).told) == (DENIED, [(3, f"jitd: {theirs} can be changed by others than root")])
    finally:
        bench.close()


SHOWS = """
#include "gate.h"
#include <stdio.h>
static char line[1 << 22];
int main(void) { line[fread(line, 1, sizeof(line) - 1, stdin)] = 0; gate_printable(line); fputs(line, stdout); }
"""


def test_what_cannot_be_seen_is_shown_by_neither_module(tmp_path: Path) -> None:
    """Controls, signs of format, blanks and private characters: of those that Python has no name for, C shows more."""
    line = ["cc", "-D_DEFAULT_SOURCE", f"-I{SOURCES}", "-x", "c", "-", "-x", "none", SOURCES / "gate.c", SOURCES / "narrow.c"]
    subprocess.run([*line, "-o", tmp_path / "shows"], input=SHOWS, text=True, check=True)
    known = [chr(code) for code in range(1, 0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    shown = subprocess.run([tmp_path / "shows"], input="".join(known), capture_output=True, encoding="utf-8", check=True).stdout
    in_python = [each if each.isprintable() else "?" for each in known]  # as in its `_printable`
    differ = {each for each, one, other in zip(known, in_python, shown, strict=True) if one != other}
    assert all("\U000e0100" <= each <= "\U000e01ef" for each in differ), "variation selectors, which have no width"


@pytest.mark.parametrize("name", ["PATH", "SHELL"])
def test_a_variable_that_is_there_twice_is_refused_since_programs_differ_in_which_they_take(
    name: str, benches: dict[str, Bench]
) -> None:
    """THREATS P-14: the guard looks at it for the module in Python."""
    bench = benches[SO]
    bench.stack(bench.root / bench.kind)
    twice = [f"{name}=/usr/bin".encode(), b"HOME=/", f"{name}=/usr/bin".encode()]
    for variables, answer in ((twice, DENIED), (twice[1:], SUCCESS)):
        line = ("/usr/bin/python3", "-c", environment_of(*variables))
        with jitd(bench.socket, grants) as had, Application(bench.stacks, line=line) as host:
            host.start("alice")
            host.order("uid", ALICE)
            assert host.call("acct_mgmt") == answer
        assert len(had) == (answer == SUCCESS)
    assert ("is set twice" in host.text) is False
    with jitd(bench.socket, grants), Application(bench.stacks, line=("/usr/bin/python3", "-c", environment_of(*twice))) as host:
        host.start("alice")
        host.order("uid", ALICE)
        host.call("acct_mgmt")
        assert host.text == f"jitd: {name} is set twice, and programs differ in which they take: unset {name}, and try again"


@pytest.mark.parametrize(
    ("reason", "heard"),
    [
        ("because \N{SNOWMAN}", "because \N{SNOWMAN}"),
        (LONG, LONG[:1024]),
        (b"a\xff\xe2\x98b", "a???b"),
        ("\N{SNOWMAN}" * 1023 + "\N{GRINNING FACE}!", "\N{SNOWMAN}" * 1023 + "\N{GRINNING FACE}"),
    ],
    ids=["text", "long", "bytes", "at the end"],
)
def test_a_reason_is_utf_8_in_whatever_locale_the_program_is(reason: str | bytes, heard: str, benches: dict[str, Bench]) -> None:
    """In Python it is what the program's locale makes of it."""
    said = ask(benches[SO], uid=ALICE, env={"JITSUDO_REASON": reason})
    assert said.answer == SUCCESS and said.heard[1]["reason"] == heard


FAILS = r"""
#include <stdlib.h>
static int allowed = NUMBER;
static void *limited(void *memory) { if (allowed-- > 0) return memory; free(memory); return NULL; }
#define malloc(n) limited((malloc)(n))
#define calloc(n, m) limited((calloc)(n, m))
#define strdup(t) limited((strdup)(t))
#define strndup(t, n) limited((strndup)(t, n))
"""
"""In front of the sources: from the NUMBER-th allocation on, there is no memory."""


def without_memory(number: int) -> dict[str, str]:
    first = "extern char **environ;"
    return {first: FAILS.replace("NUMBER", str(number)) + first}


@pytest.mark.parametrize("uid", [0, ALICE])
def test_without_memory_nobody_is_let_in(uid: int, benches: dict[str, Bench]) -> None:
    """THREATS P-01: whichever allocation of the module is the first that fails, until none does."""
    bench = benches[SO]
    items = {"tty": "/dev/pts/1", "rhost": "h", "ruser": "alice", "SSH_AUTH_INFO_0": "x", "KRB5CCNAME": "FILE:/x"}
    env = {"JITSUDO_REASON": "x"}
    for number in range(20):
        bench.stack(bench.module("", PROVES, "without.so", without_memory(number)))
        said = ask(bench, uid=uid, items=items, env=env)
        if said.answer == SUCCESS:
            break
        assert (said.answer, said.heard) == (DENIED, []), number
        assert not said.told or said.told == [(3, "jitd: asking jitd failed; the system's log says why")]
    assert number in (8, 9), "it asks for memory so often"
    bench.stack(bench.root / bench.kind)


def test_it_is_libpams_and_libcs_alone_and_keeps_nothing_between_two_calls() -> None:
    """THREATS P-04."""
    dynamic = subprocess.run(["readelf", "-d", INSTALLED], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"NEEDED.*\[(.*)\]", dynamic)) == {"libpam.so.0", "libc.so.6"}
    symbols = subprocess.run(["nm", "-D", "--defined-only", INSTALLED], capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in symbols.splitlines()} == {
        f"pam_sm_{name}" for name in ("authenticate", "setcred", "acct_mgmt", "open_session", "close_session", "chauthtok")
    }
    text = (SOURCES / "pam_jit.c").read_text() + (SOURCES / "gate.c").read_text() + (SOURCES / "narrow.c").read_text()
    statics = re.findall(r"^\s*static (?!const\b)(?!inline\b)[\w ]+[ *]\w+(?:\[[^]]*\])? ?(?:=|;)", text, re.MULTILINE)
    assert statics == [], "each variable that outlives a call is constant"


def test_odd_arguments_items_words_and_answers_break_no_promise_and_no_bound(tmp_path: Path) -> None:
    """THREATS P-01, P-18: many more with make -C contrib/gates fuzz (make torture)."""
    line = ["make", "-s", "-C", SOURCES, f"{tmp_path}/fuzz-module", f"FUZZ={tmp_path}/fuzz"]
    subprocess.run(line, check=True, capture_output=True)
    done = subprocess.run([tmp_path / "fuzz-module", "300000", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"(\w+)=(\d+)", done.stdout))
    assert int(counts["inputs"]) == 300_000 and int(counts["granted"]) > 100, "it permits what it has to, too"
