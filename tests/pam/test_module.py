# SPDX-License-Identifier: Apache-2.0
"""The PAM module itself: what it asks jitd for each kind of program, what it takes in a stack, and what it opens, and as whom.

Law: what it asks in a situation is in ``golden-questions``. 0.2 had a second module, in Python, and both asked so. To write the
file anew, on purpose: ``JITD_GOLDEN=write``, and look at the difference.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.pam.application import DENIED, MODULE, SOURCES, SUCCESS, Application, Bench, Voice, grants, jitd
from tests.pam.test_sabotage import PROVES
from tests.prover import HANGS_AS_THE_PERSON, PATIENT, built
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people, and a stack of root's")
ALICE = 4001
INSTALLED = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/security/pam_jit.so")
LONG = "\N{GREEK SMALL LETTER ALPHA}" * 2100
GOLDEN = Path(__file__).with_name("golden-questions")
AUTH_ERR, SESSION_ERR = 7, 14
SHIPPED = "{0} [success=1 default=ignore] {1} socket={2}\n{0} requisite pam_deny.so\n{0} required pam_permit.so\n"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    made.module("", PROVES)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def the_same_stack(bench: Bench) -> None:
    """For each test, whatever words one before it has put there."""
    bench.stack(bench.root / MODULE)


@dataclass
class Said:
    """What came of one transaction: the answer, what the person read, and what jitd heard."""

    answer: int
    told: list[tuple[int, str]]
    heard: list[dict[str, Any]] = field(default_factory=list)

    def as_golden(self) -> dict[str, Any]:
        """Without what differs from host to host, and from one time to the next. What is long has its length and a digest."""
        (asked,) = (each for each in self.heard if each["type"] == "enforce")
        kept = {name: _short(value) for name, value in asked.items() if name not in ("login_session", "words")}
        kept["words"] = _short(asked["words"][1:])  # the first is where the program lies
        kept |= {name: asked[name] > 0 for name in ("cwd_device", "cwd_inode")}
        (proof,) = (each for each in self.heard if each["type"] == "proof")
        return {"asked": kept, "because": proof["because"], "told": [[style, _short(text)] for style, text in self.told]}


def _short(value: Any) -> Any:
    text = json.dumps(value)
    return value if len(text) <= 100 else f"{len(value)} of {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def is_as_golden(case: str, said: Said) -> None:
    known = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}
    if os.environ.get("JITD_GOLDEN") == "write":
        known[case] = said.as_golden()
        lines = (f"{json.dumps(name)}: {json.dumps(known[name], sort_keys=True)}" for name in sorted(known))
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    assert said.as_golden() == known[case]


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


OF_NOBODY = ("of nobody", "without a user", "of a user that is no text")
"""Those of whom nothing is asked."""


@pytest.mark.parametrize("case", CALLERS)
def test_of_a_program_that_its_caller_has_started_it_asks_as_ever(case: str, bench: Bench) -> None:
    """THREATS P-02."""
    for service in ("sudo", "x"):
        bench.stack(bench.root / MODULE, service=service)
    said = ask(bench, uid=ALICE, script=asks_and_refuses, **CALLERS[case])
    assert said.answer == DENIED and len(said.heard) == 4, "it was asked, and proved"
    is_as_golden(f"a program: {case}", said)
    assert ask(bench, uid=ALICE, **CALLERS[case]).answer == SUCCESS


@pytest.mark.parametrize("stage", ["authenticate", "acct_mgmt", "open_session"])
@pytest.mark.parametrize("case", LOGINS)
def test_of_a_login_it_asks_as_ever(case: str, stage: str, bench: Bench) -> None:
    """THREATS P-02."""
    bench.stack(bench.root / MODULE, service="sshd")
    said = ask(bench, service="sshd", stage=stage, script=refuses, **LOGINS[case])
    granted = ask(bench, service="sshd", stage=stage, **LOGINS[case])
    if case in OF_NOBODY:
        assert (said.answer, said.heard, granted) == (DENIED, [], said) and said.told
    else:
        is_as_golden(f"a login in {stage}: {case}", said)
        assert (said.answer, granted.answer, granted.told) == (DENIED, SUCCESS, [])


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
def test_it_takes_these_arguments_and_no_others(words: str, bench: Bench) -> None:
    bench.stack(bench.root / MODULE, words)
    said = ask(bench, user="root")
    assert (said.answer == SUCCESS) == ARGUMENTS[words], said
    if not ARGUMENTS[words]:
        assert said.heard == [], "nobody was asked"
        assert said.told, "and it says why"


@pytest.mark.parametrize("stage", ["authenticate", "acct_mgmt", "open_session"])
def test_in_the_stack_that_is_shipped_only_a_grant_gets_through(stage: str, bench: Bench) -> None:
    kind = {"authenticate": "auth", "acct_mgmt": "account", "open_session": "session"}[stage]
    (bench.stacks / "su").write_text(SHIPPED.format(kind, bench.root / MODULE, bench.socket))
    verdicts: list[bool] = []

    def script(voice: Voice) -> None:
        voice.proved()
        verdicts.append(not verdicts)
        voice.grant() if verdicts[-1] else voice.refuse()

    with Application(bench.stacks) as host:
        with jitd(bench.socket, script):
            host.start("root")
            assert [host.call(stage), host.call(stage)] == [SUCCESS, SESSION_ERR if stage == "open_session" else AUTH_ERR]
        assert host.call(stage) != SUCCESS, "jitd is away"


# --- its files, its memory, and its surroundings -------------------------------------------------------------------------


def environment_of(*variables: bytes) -> str:
    """A program that starts another with exactly these variables, some of them twice."""
    return (
        "import ctypes, sys; words = [word.encode() for word in sys.argv[1:]];"
        "made = lambda of: (ctypes.c_char_p * (len(of) + 1))(*of);"
        f"ctypes.CDLL(None).execve(words[0], made(words), made({list(variables)!r}))"
    )


def opened_by_an_access_list(file: Path) -> None:
    """user::rwx, user:4005:rwx, group::r-x, mask::rwx, other::r-x."""
    entries = ((1, 7, -1), (2, 7, 4005), (4, 5, -1), (16, 7, -1), (32, 5, -1))
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", tag, allowed, number) for tag, allowed, number in entries)
    os.setxattr(file, "system.posix_acl_access", raw)


@pytest.mark.parametrize("change", ["module", "module's directory", "initiator"])
def test_files_that_others_can_change_are_refused(change: str) -> None:
    """THREATS P-11: libpam itself does not look."""
    bench = Bench()
    try:
        bench.stack(bench.module("", PROVES))
        assert ask(bench).answer == SUCCESS
        file = {"module": bench.root / MODULE, "module's directory": bench.root, "initiator": bench.root / "initiator.py"}[change]
        ways = (lambda: file.chmod(0o775), lambda: file.chmod(0o757), lambda: opened_by_an_access_list(file))
        for opens in ways:
            opens()
            said = ask(bench)
            assert (said.answer, said.heard) == (DENIED, []) and "can be changed by others than root" in said.told[0][1]
            file.chmod(0o755)
        assert ask(bench).answer == SUCCESS
        os.chown(file, 4005, -1)
        assert ask(bench).answer == DENIED
    finally:
        bench.close()


def test_a_link_on_the_way_to_the_module_that_others_can_turn_is_refused() -> None:
    """THREATS P-11: where it leads now is root's alone, in each case."""
    bench = Bench()
    try:
        bench.module("", PROVES)
        roots, theirs = bench.root / "roots", bench.root / "theirs"
        roots.mkdir()
        theirs.mkdir()
        for place in (roots, theirs):
            (place / "on").symlink_to("../../..")
            (place / "link").symlink_to(f"on/{bench.root.relative_to('/')}")
        bench.stack(roots / "link" / MODULE)
        assert ask(bench).answer == SUCCESS
        os.chown(roots / "on", ALICE, -1, follow_symlinks=False)
        assert (ask(bench).answer, ask(bench).told) == (DENIED, [(3, f"jitd: {roots}/on can be changed by others than root")])
        os.chown(theirs, ALICE, -1)
        bench.stack(theirs / "link" / MODULE)
        assert (ask(bench).answer, ask(bench).told) == (DENIED, [(3, f"jitd: {theirs} can be changed by others than root")])
    finally:
        bench.close()


SHOWS = """
#include "gate.h"
#include <stdio.h>
static char line[1 << 22];
int main(void) { line[fread(line, 1, sizeof(line) - 1, stdin)] = 0; gate_printable(line); fputs(line, stdout); }
"""


def test_what_cannot_be_seen_is_not_shown(tmp_path: Path) -> None:
    """Controls, signs of format, blanks and private characters, which Python knows, too."""
    line = ["cc", "-D_DEFAULT_SOURCE", f"-I{SOURCES}", "-x", "c", "-", "-x", "none", SOURCES / "gate.c", SOURCES / "narrow.c"]
    subprocess.run([*line, "-o", tmp_path / "shows"], input=SHOWS, text=True, check=True)
    known = [chr(code) for code in range(1, 0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    shown = subprocess.run([tmp_path / "shows"], input="".join(known), capture_output=True, encoding="utf-8", check=True).stdout
    differ = {each for each, one in zip(known, shown, strict=True) if one != (each if each.isprintable() else "?")}
    assert all("\U000e0100" <= each <= "\U000e01ef" for each in differ), "variation selectors, which have no width"


@pytest.mark.parametrize("name", ["PATH", "SHELL"])
def test_a_variable_that_is_there_twice_is_refused_since_programs_differ_in_which_they_take(name: str, bench: Bench) -> None:
    """THREATS P-14."""
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
def test_a_reason_is_utf_8_in_whatever_locale_the_program_is(reason: str | bytes, heard: str, bench: Bench) -> None:
    said = ask(bench, uid=ALICE, env={"JITSUDO_REASON": reason})
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
def test_without_memory_nobody_is_let_in(uid: int, bench: Bench) -> None:
    """THREATS P-01: whichever allocation of the module is the first that fails, until none does."""
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


# --- what is opened, and as whom ---------------------------------------------------------------------------------------

SUDO = Path("/etc/pam.d/sudo")
SUDOERS = Path("/etc/sudoers.d/test-pam-module")


@pytest.fixture
def sudo() -> Iterator[Bench]:
    """sudo with the gate, whose jitd is the test's. The module and its initiator have the patience of tests: they are traced."""
    bench = Bench()
    kept = SUDO.read_bytes()
    permit = "".join(f"{stage} required pam_permit.so\n" for stage in ("auth", "session"))
    module = bench.module(initiator=built(bench.root / "prove", PATIENT))
    SUDO.write_text(SHIPPED.format("account", module, bench.socket) + permit)
    SUDOERS.write_text("Defaults secure_path=/usr/sbin:/usr/bin:/sbin:/bin\nalice ALL=(ALL:ALL) NOPASSWD: ALL\n")
    SUDOERS.chmod(0o440)
    yield bench
    SUDO.write_bytes(kept)
    SUDOERS.unlink()
    bench.close()


CACHES = ["FILE:/home/alice/cache", "DIR:/home/alice/caches", "/home/alice/link-to-shadow", "FILE:/etc/shadow", "DIR:/root"]


@pytest.mark.parametrize("cache", CACHES)
def test_a_credential_cache_is_opened_by_the_initiator_alone_once_it_has_no_rights_of_roots(cache: str, sudo: Bench) -> None:
    """THREATS P-03."""
    link = Path("/home/alice/link-to-shadow")
    link.unlink(missing_ok=True)
    link.symlink_to("/etc/shadow")
    trace = sudo.root / "trace"
    line = ["strace", "-f", "-u", "alice", "-o", str(trace), "-e", "trace=%file,setresuid,setuid,clone,clone3,vfork,fork"]
    with jitd(sudo.socket, lambda voice: (voice.proved(), voice.refuse())) as had:
        env = {"PATH": "/usr/bin:/bin", "KRB5CCNAME": cache, "HOME": "/home/alice"}
        done = subprocess.run([*line, "sudo", "-n", "true"], env=env, cwd="/", capture_output=True, text=True)
    assert done.returncode != 0
    (proof,) = [message for voice in had for message in voice.heard if message["type"] == "proof"]
    assert proof["proof"] is None
    assert proof["because"]
    path = cache.rpartition(":")[2]
    opened = list(_opened(trace.read_text(), path))
    assert opened, "the initiator looks at it"
    assert [call for is_alices, call in opened if not is_alices] == []
    link.unlink()


def _opened(trace: str, path: str) -> Iterator[tuple[bool, str]]:
    """Each call that names ``path``, and whether its thread had become alice before."""
    alices: set[str] = set()
    becoming: set[str] = set()  # whose call to become her was interrupted by what strace tells of another thread
    for line in trace.splitlines():
        thread, call = line.split(maxsplit=1)
        if call.startswith("setresuid(4001, 4001, 4001 <unfinished"):
            becoming.add(thread)
        becomes = "setresuid resumed>" if thread in becoming else r"setresuid\(4001, 4001, 4001"
        if re.search(rf"{becomes}\)\s*= 0", call):
            alices.add(thread)
        elif (made := re.search(r"(?:clone3?|v?fork)(?:\(| resumed).*= (\d+)$", call)) and thread in alices:
            alices.add(made[1])
        elif f'"{path}' in call and "/run/" not in call and not call.startswith("execve"):
            yield thread in alices, call


def test_nothing_in_the_persons_directory_is_opened_with_roots_rights(sudo: Bench) -> None:
    """Their home, which is where they are, and what a program or a library may look for there or in `.`."""
    home, trace = Path("/home/alice"), sudo.root / "trace"
    names = ("krb5.conf", ".k5login", ".k5identity", "pam_jit.so", "prove", "libkrb5.so.3")
    made = [home / name for name in names if not (home / name).exists()]
    for file in made:
        file.write_text("raise SystemExit(0)\n")
    line = ["strace", "-f", "-u", "alice", "-o", str(trace), "-e", "trace=%file,setresuid,clone,clone3,vfork,fork"]
    with jitd(sudo.socket, lambda voice: (voice.proved(), voice.refuse())) as had:
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "KRB5_CONFIG": "krb5.conf",
            "LD_LIBRARY_PATH": ".",
            "TMPDIR": str(home),
        }
        done = subprocess.run([*line, "sudo", "-n", "true"], env=env, cwd=home, capture_output=True, text=True)
    for file in made:
        file.unlink()
    assert done.returncode != 0
    assert len(had) == 1
    calls = trace.read_text()
    assert f"{sudo.root}/prove" in calls
    relative = re.findall(r'(?:openat|execve|stat\w*|readlink|access)\((?:AT_FDCWD, )?"([^/"][^"]*)"', calls)
    assert set(relative) <= {"."}, "what is looked at without the name of a directory is `.` itself"
    assert [call for is_alices, call in _opened(calls, str(home)) if not is_alices and "getcwd" not in call] == []


NOTES = """
import os
print("\\n".join(open("/proc/self/environ").read().split("\\0")), file=open("PLACE/environment", "w"))
open("PLACE/descriptors", "w").write(" ".join(f"{n}={os.readlink(f'/proc/self/fd/{n}').partition(':')[0]}" for n in range(3)))
open("PLACE/words", "w").write(open("/proc/self/cmdline").read())
"""


def test_the_initiator_is_started_with_nothing_but_one_socket(sudo: Bench) -> None:
    """THREATS K-10: and no word of the caller's."""
    sudo.module("", NOTES.replace("PLACE", str(sudo.root)))
    with jitd(sudo.socket, lambda voice: (voice.proved(), voice.refuse())):
        env = {"PATH": "/usr/bin:/bin", "KRB5CCNAME": "FILE:/x", "HOME": "/home/alice", "LANG": "C.UTF-8"}
        line = ["setpriv", "--reuid=alice", "--regid=4001", "--init-groups", "sudo", "-n", "true"]
        assert subprocess.run(line, env=env, cwd="/", capture_output=True).returncode != 0
    assert (sudo.root / "environment").read_text().strip() == ""
    assert (sudo.root / "descriptors").read_text() == "0=socket 1=/dev/null 2=/dev/null"
    assert (sudo.root / "words").read_text() == f"/usr/bin/python3\0-IS\0{sudo.root}/initiator.py\0"


LATER = " <unfinished ...>\n8 exit_group(0) = ?\n7 <... setresuid resumed>"


@pytest.mark.parametrize("told", ["", LATER], ids=["at once", "later"])
def test_that_test_sees_what_root_opens(told: str) -> None:
    opens = '7 openat(AT_FDCWD, "/x", O_RDONLY) = 3\n'
    trace = f"{opens}7 setresuid(4001, 4001, 4001{told}) = 0\n{opens}"
    assert [is_alices for is_alices, _ in _opened(trace, "/x")] == [False, True]


def test_nobody_of_that_account_can_trace_the_initiator_or_read_its_memory(bench: Bench) -> None:
    """THREATS P-03."""
    prover = built(bench.root / "prove", {}, HANGS_AS_THE_PERSON)
    bench.stack(bench.module("PROOF_WITHIN = 600.0", prover, "patient.so"))
    code = (
        "import ctypes, os, sys\n"
        "os.setresgid(4001, 4001, 4001); os.setresuid(4001, 4001, 4001)\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "place = f'/proc/{sys.argv[1]}/'\n"
        "print(libc.ptrace(16, int(sys.argv[1]), 0, 0), os.access(place + 'mem', 4), os.access(place + 'environ', 4))\n"
    )
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.refuse())), Application(bench.stacks) as host:
        host.start("alice")
        host.tell("acct_mgmt", 0)
        initiator = _initiator_of(host.process.pid)
        line = ["/usr/bin/python3", "-c", code]
        tried = subprocess.run([*line, str(initiator)], capture_output=True, text=True, check=True).stdout.split()
        assert tried == ["-1", "False", "False"]
        with subprocess.Popen(["setpriv", "--reuid=4001", "--regid=4001", "--clear-groups", "sleep", "600"]) as own:
            wait_for(lambda: Path(f"/proc/{own.pid}/comm").read_text() == "sleep\n")
            own_tried = subprocess.run([*line, str(own.pid)], capture_output=True, text=True, check=True).stdout.split()
            own.kill()
        assert own_tried != tried, "of a process of theirs they can"
        os.kill(initiator, signal.SIGKILL)
        assert host.result() == DENIED


def _initiator_of(pid: int) -> int:
    """The initiator of a host, once it has become alice."""

    def found() -> int:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children and _is_alices(children[0]) else 0

    return int(wait_for(found))


def _is_alices(pid: str) -> bool:
    return "Uid:\t4001\t4001\t4001\t4001" in Path(f"/proc/{pid}/status").read_text()
