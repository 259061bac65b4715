# SPDX-License-Identifier: Apache-2.0
"""The readers of command lines beside the real sudo, su and doas: what is read for certain is what runs.

Every command and every shell of the stage writes down how it was started; at PAM's account stage, where our module will stand,
another one writes down what is to be seen of the program there. Law: the stage is taken down again; the lines are the same in
every run; a line that the program refuses before PAM may be read in any way.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pwd
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jitd.invocation import Invocation, read
from tests.marks import full

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")

PLACE = Path("/srv/invocation")
BIN, SHELLS, FILES, SAID = PLACE / "bin", PLACE / "shells", PLACE / "files", PLACE / "said"
OWN_SHELL = f"{SHELLS}/own"
OTHER_SHELL = f"{SHELLS}/other"
CALLER = "alice"
TOUCHED = (
    "/etc/passwd", "/etc/shells", "/etc/sudoers", "/etc/sudoers-rs", "/etc/doas.conf", "/etc/pam.d/sudo", "/etc/pam.d/sudo-i",
    "/etc/pam.d/su", "/etc/pam.d/su-l", "/etc/pam.d/doas",
)  # fmt: skip
HAS_SUDO_RS = Path("/usr/bin/sudo-rs").exists()
SUDOERS_RS = f"""\
Defaults env_reset, !use_pty
Defaults secure_path="{BIN}"
root ALL=(ALL:ALL) ALL
{CALLER} ALL=(ALL:ALL) CWD=* NOPASSWD:SETENV: ALL
"""
SUDOERS = f"""\
Defaults env_reset, !use_pty, !lecture, runcwd=*, closefrom_override, user_command_timeouts, shell_noargs
Defaults secure_path="{BIN}"
root ALL=(ALL:ALL) ALL
{CALLER} ALL=(ALL:ALL) NOPASSWD:SETENV: ALL
"""
STACK = f"""\
auth sufficient pam_permit.so
account required pam_exec.so quiet seteuid {PLACE}/witness
account required pam_permit.so
session required pam_permit.so
"""
PROBE = f"""\
#!/usr/bin/python3 -IS
import json, os, sys
said = {{
    "argv": [os.fsencode(word).decode("latin-1") for word in sys.argv],
    "uid": os.getuid(), "gid": os.getgid(), "groups": sorted(os.getgroups()), "cwd": os.getcwd(),
    "env": {{k.decode("latin-1"): v.decode("latin-1") for k, v in os.environb.items()}},
}}
with open("{SAID}/ran", "a") as out:
    out.write(json.dumps(said) + "\\n")
"""
WITNESS = f"""\
#!/usr/bin/python3 -IS
import json, os, struct
seen = open(f"/proc/{{os.getppid()}}/cmdline", "rb").read()
stat = open(f"/proc/{{os.getppid()}}/stat", "rb").read().rpartition(b")")[2].split()
stack, begin, end = (int(stat[field - 3]) for field in (28, 48, 49))
with open(f"/proc/{{os.getppid()}}/mem", "rb", 0) as memory:
    memory.seek(stack)
    count = struct.unpack("q", memory.read(8))[0]
    pointers = [*sorted(struct.unpack(f"{{count}}Q", memory.read(8 * count))), end]
    memory.seek(begin)
    area = memory.read(end - begin)
whole = [area[at - begin : to - begin - 1] for at, to in zip(pointers, pointers[1:])]
said = {{
    "service": os.environ["PAM_SERVICE"], "user": os.environ["PAM_USER"],
    "seen": [word.decode("latin-1") for word in seen.split(b"\\0")[:-1]], "whole": [word.decode("latin-1") for word in whole],
}}
with open("{SAID}/account", "a") as out:
    out.write(json.dumps(said) + "\\n")
"""

WORDS: tuple[bytes, ...] = (
    b"cmd", b"x", b"a b", b"", b"$HOME", b"a'b", b'a"b', b"a\\b", b"a\nb", b"\\", b"*", b";id", b"#", b"~", b"bob", b"root",
    b"host", b"A=1", b"=x", b"/a=b", b"-", b"--", b"-u", b"-l", b"-c", b"-x", b"--user", b"--login", b"list", b"one", b"two",
    b",B", b"4002", "é".encode(), b"\xff",
)  # fmt: skip
COMMANDS: tuple[bytes, ...] = (b"cmd", f"{BIN}/cmd".encode(), b"bob", b"a b", b"-x", b"A=1", b"B")
SET = {"A": "of alice", "B": "too", "C": "and more", "LD_X": "y"}
"""Variables of the caller's, by which it shows what became of the environment."""


@dataclass(frozen=True)
class Seen:
    """One line, and what came of it."""

    words: tuple[bytes, ...]
    program: str
    posix: bool
    status: int
    err: bytes
    account: list[dict[str, Any]] = field(default_factory=list)
    ran: list[dict[str, Any]] = field(default_factory=list)


class Stage:
    """The lab's host, set up so that whatever is run leaves word."""

    def __init__(self) -> None:
        self._kept = {path: Path(path).read_bytes() if Path(path).exists() else None for path in TOUCHED}
        for directory in (PLACE, BIN, SHELLS, FILES, SAID):
            directory.mkdir(mode=0o755)
        for path, text in ((PLACE / "probe", PROBE), (PLACE / "witness", WITNESS)):
            path.write_text(text)
            path.chmod(0o755)
        for name in {*WORDS, *COMMANDS, b"sudoedit"} - {b""}:
            if b"/" not in name:  # no symbolic link, because sudo-rs follows those before it executes
                os.link(PLACE / "probe", os.fsencode(BIN) + b"/" + name)
        for name in (b"one", b"two"):
            (FILES / name.decode()).write_bytes(name)
        for name in ("own", "other", "alice", "bob", "carol", "root"):
            (SHELLS / name).hardlink_to(PLACE / "probe")
        lines = Path("/etc/passwd").read_text().splitlines()
        people = ("alice", "bob", "carol", "root")
        for number, line in enumerate(lines):
            name = line.partition(":")[0]
            if name in people:
                lines[number] = f"{line.rpartition(':')[0]}:{SHELLS}/{name}"
        self._write("/etc/passwd", "\n".join(lines) + "\n")
        with Path("/etc/shells").open("a") as out:  # carol's is none of them: what su calls a restricted shell
            out.write("".join(f"{SHELLS}/{name}\n" for name in ("own", "other", "alice", "bob", "root")))
        self._write("/etc/sudoers", SUDOERS, 0o440)
        self._write("/etc/sudoers-rs", SUDOERS_RS, 0o440)
        self._write("/etc/doas.conf", f"permit nopass keepenv {CALLER}\n", 0o600)
        for service in ("sudo", "sudo-i", "su", "su-l", "doas"):
            self._write(f"/etc/pam.d/{service}", STACK)

    @staticmethod
    def _write(path: str, text: str, mode: int = 0o644) -> None:
        Path(path).write_text(text)
        Path(path).chmod(mode)

    def close(self) -> None:
        for path, content in self._kept.items():
            if content is None:
                Path(path).unlink(missing_ok=True)
            else:
                Path(path).write_bytes(content)
        shutil.rmtree(PLACE)

    def play(self, program: str, words: tuple[bytes, ...], posix: bool = False, env: dict[str, str] | None = None) -> Seen:
        """Start ``program`` as alice with ``words``, the first of which is what it is told to be called."""
        for name in ("ran", "account"):
            (SAID / name).write_bytes(b"")
            (SAID / name).chmod(0o666)
        me = pwd.getpwnam(CALLER)
        around = {"PATH": f"{BIN}:/usr/bin:/bin", "SHELL": OWN_SHELL, "LANG": "C.UTF-8", "EDITOR": f"{PLACE}/probe", **SET}
        around |= {"POSIXLY_CORRECT": "1"} if posix else {}
        done = subprocess.run(
            words, executable=f"/usr/bin/{program}", env=around | (env or {}), cwd=FILES, user=me.pw_uid, group=me.pw_gid,
            extra_groups=os.getgrouplist(CALLER, me.pw_gid), stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        said = {name: [json.loads(line) for line in (SAID / name).read_text().splitlines()] for name in ("account", "ran")}
        return Seen(words, program, posix, done.returncode, done.stderr, said["account"], said["ran"])


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Everything is put back, whatever happens."""
    with contextlib.closing(Stage()) as made:
        yield made


# --- what is read, and what ran -------------------------------------------------------------------------------------------


def of(words: list[str]) -> tuple[bytes, ...]:
    """As written down by the witness."""
    return tuple(word.encode("latin-1") for word in words)


def readings(seen: Seen) -> list[Invocation]:
    """All that can be read at the account stage, from what our module may have seen of it."""
    [account] = seen.account
    service, cut, whole = account["service"], of(account["seen"]), of(account["whole"])
    return [
        read(service, words, whole=is_whole, posix=posix)
        for words, is_whole in ((cut, False), (whole, True))
        for posix in (seen.posix, None)
    ]


def faults(seen: Seen, reading: Invocation) -> list[str]:
    """Where ``reading``, which has no doubt, is not what ran."""
    if reading.mode in ("list", "validate"):
        return ["something ran"] if seen.ran else []
    if len(seen.ran) > 1:
        return ["more than one thing ran"]
    if reading.mode == "edit":
        if seen.program == "sudo-rs":
            return []  # it cannot edit, and runs what is called sudoedit; jitd does not permit an edit as a command
        return _faults_in_edit(seen, reading)
    try:
        target = _target(reading)
    except KeyError:
        return [f"there is no {reading.user}"]  # the programs would have said so before
    program, arguments = _executed(seen, reading, target)
    if not seen.ran:
        return [] if _cannot_run(reading, program) else [f"{program} did not run"]
    [ran] = seen.ran
    found = []
    if of(ran["argv"]) != (program, *arguments):
        found.append(f"argv {(program, *arguments)}")
    gid = target.pw_gid if reading.group is None else _gid(reading.group)
    if (ran["uid"], ran["gid"]) != (target.pw_uid, gid):
        found.append(f"as {target.pw_uid}:{gid}")
    cwd = reading.chdir or os.fsencode(target.pw_dir if reading.shell == "login" else FILES)
    if os.fsencode(ran["cwd"]) != os.path.realpath(cwd):
        found.append(f"in {cwd!r}")
    if b"--preserve-groups" in reading.options and not {*os.getgrouplist(CALLER, 4001)} <= {*ran["groups"], 4001}:
        found.append("with the groups of the caller")
    return found + _faults_in_environment(seen, reading, ran["env"])


def _executed(seen: Seen, reading: Invocation, target: pwd.struct_passwd) -> tuple[bytes, tuple[bytes, ...]]:
    if not reading.shell:
        program = reading.argv[0]
        return program if b"/" in program else os.fsencode(BIN) + b"/" + program, reading.argv[1:]
    shell = {"login": target.pw_shell, "target": target.pw_shell, "own": OWN_SHELL, "kept": OWN_SHELL}[reading.shell]
    program = os.fsencode(shell) if reading.shell_path is None else reading.shell_path
    is_restricted = target.pw_shell not in Path("/etc/shells").read_text().splitlines()
    if is_restricted and seen.account[0]["service"] in ("su", "su-l"):
        program = os.fsencode(target.pw_shell)  # neither -s nor -p has its way
    fast = (b"-f",) if b"--fast" in reading.options else ()
    line = () if reading.line is None else (b"-c", reading.line)
    return program, (*fast, *line, *reading.shell_arguments)


def _target(reading: Invocation) -> pwd.struct_passwd:
    if reading.user is None:
        return pwd.getpwnam(CALLER if reading.group is not None else "root")
    if reading.user.startswith("#"):
        return pwd.getpwuid(int(reading.user[1:]))
    return pwd.getpwnam(reading.user)


def _gid(group: str) -> int:
    return int(subprocess.run(["getent", "group", group], capture_output=True, check=True).stdout.split(b":")[2])


def _cannot_run(reading: Invocation, program: bytes) -> bool:
    """True if it cannot be run, whoever reads the line: it leaves no word, it has no directory, or it is another host's."""
    is_of_ours = program.startswith(os.fsencode(PLACE)) and os.path.isfile(program)
    return not is_of_ours or reading.chdir == b"/nowhere" or any(option.startswith(b"--host=") for option in reading.options)


def _faults_in_environment(seen: Seen, reading: Invocation, env: dict[str, str]) -> list[str]:
    service = seen.account[0]["service"]
    expected: dict[str, str] = {}
    if seen.program == "sudo-rs":  # it says that it preserves nothing
        options = tuple(option for option in reading.options if not option.startswith(b"--preserve-env"))
        reading = dataclasses.replace(reading, options=options)
    if service == "doas" or b"--preserve-env" in reading.options or (service == "su" and reading.shell != "login"):
        expected |= {name: value for name, value in SET.items() if name != "LD_X"}
    for prefix in (b"--preserve-env=", b"--whitelist-environment="):
        names = {option.removeprefix(prefix).decode("latin-1") for option in reading.options if option.startswith(prefix)}
        expected |= {name: SET[name] for name in names if name in SET}
    expected |= {name.decode("latin-1"): value.decode("latin-1") for name, value in reading.variables}
    names = {"A", "B", "C"} | {name.decode("latin-1") for name, _ in reading.variables}
    return [f"{name}={expected.get(name)!r}" for name in sorted(names) if env.get(name) != expected.get(name)]


def _faults_in_edit(seen: Seen, reading: Invocation) -> list[str]:
    """The editor gets copies, of what is or could be a file: its name, and letters of sudoedit's behind it."""
    if not seen.ran:
        return []  # what cannot be edited is not
    [ran] = seen.ran
    copies = [os.path.basename(word) for word in of(ran["argv"])[1:]]
    places = [os.path.join(os.fsencode(FILES), file) for file in reading.argv[1:]]
    files = [os.path.basename(file) for file in places if _may_be_edited(file)]
    is_same = len(copies) == len(files) and all(
        re.fullmatch(re.escape(file) + rb"\.?[0-9A-Za-z]{8}", copy) for file, copy in zip(files, copies, strict=True)
    )
    return [] if is_same and ran["uid"] == 4001 else [f"edits {files}"]


def _may_be_edited(file: bytes) -> bool:
    return os.path.isdir(os.path.dirname(file)) and not os.path.isdir(file) and not os.path.islink(file)


def check(seen: Seen) -> tuple[list[str], bool]:
    """All that is wrong with what is read of a line, and whether something was read for certain that then ran."""
    if not seen.account:
        return ([f"{seen.words}: ran without account"] if seen.ran else []), False
    wrong, is_certain = [], False
    whole = of(seen.account[0]["whole"])
    if tuple(word.replace(b"\0", b",") for word in whole) != seen.words:
        wrong.append(f"{seen.words}: argv's pointers say {whole}")
    for number, reading in enumerate(readings(seen)):
        if reading.doubt:
            continue
        is_certain = is_certain or bool(seen.ran)
        service, user = seen.account[0]["service"], seen.account[0]["user"]
        said = faults(seen, reading)
        if service in ("su", "su-l") and user != reading.user:
            said.append(f"su's own target is {user}")
        wrong += [f"{seen.words} posix={seen.posix} reading {number}: {fault}; ran {seen.ran}, {seen.err!r}" for fault in said]
    return wrong, is_certain


# --- lines full of traps --------------------------------------------------------------------------------------------------


def pieces(text: str) -> list[list[bytes]]:
    """What a line is put together from; ``_`` stands for a blank within a word."""
    return [
        [word.replace("_", " ").encode() for word in piece.split(" ") if word] for piece in text.replace("\n", "|").split("|")
    ]


SUDO_PIECES = pieces(f"""\
-u bob|-ubob|--user=bob|--user bob|--us bob|--us=bob|-nu bob|-nubob|-u #4002|-u #04002|-u --|-u nobody-at-all|--user=|-uu bob
-g dba|-gdba|--gr=dba|--group dba|-nig dba|-i|-s|--login|--lo|--log|--shell|--sh|--s|-is|-in|-ns|-iu bob|-su bob|-E|-H|-P|-HE
-n|-k|-N|-S|-b|-B|-A|-p x|-p --|-px|--prompt=%p|-p -l|-D {SHELLS}|-D{SHELLS}|--chd={SHELLS}|--chdir {SHELLS}|-D /nowhere
-D ~bob|-D ..|-l|-ll|-v|-e|--edit|--list|-T 5|-T5|--command-t=5m|-C 7|-C7|-C 2|--close-from=7|-U bob|--preserve-env
--preserve-env=A|--preserve-env=A,B|--preserve-env=A,,B,|--preserve-env=,A|--preserve-env=A,cmd|--preserve-env=A,-u|--preserve-e=B,-u,bob
--pre=A|--preserve-env=|--preserve-env=A,--|--preserve-env=A,-l|--preserve-env=A,A=1|--preserve-env=Z,cmd,-c
--pres=C,{BIN}/cmd|A=1|B=x|C=|A=2|A=-u|L=a=b|C=x_y|--login=x|-h host|-hhost|--host=h|--host h|-nh x|-h -- x|-h A=1|--h|--help=x
-|--|--=|-x|--nope|=x|/a=b|-V|-K|--no-u|--non|--ty=x|--a|-kl|-lk|-vn""")
SUDO_NAMES = [
    b"/usr/bin/sudo", b"sudoedit", b"lt-sudoedit", b"x/sudoedit", b"sudoedit/", b"sudoeditx", b"", b"--", b"lt-", b"-h",
    b"lt-lt-sudoedit",
]  # fmt: skip
SU_PIECES = pieces(f"""\
-|-|-|-l|--login|--lo|--l|-c x|-cx|-c x_y|--command=x_y|--comm x|--command|--session-command x|--session-command=y|--sess=z
-c --|-c -|-c|-s {OTHER_SHELL}|-s{OTHER_SHELL}|--shell={OTHER_SHELL}|--sh {OTHER_SHELL}|--s x|-f|--fast|-m|-p|--pr
--preserve-environment|-w A|-wA|-w A,B|-w A,,B,|--whitelist-environment=C|--wh A|--wh=B|-P|--pty|--pt|-lc x|-fc x|-lf|-fl|-pc x
-G dba|-g dba|-u bob|--user=bob|bob|bob|bob|bob|root|carol|--|--|-x|x|y|--nope|--login=x|-h|-V|4002|#4002""")
DOAS_PIECES = pieces("""\
-u bob|-ubob|-nu bob|-nubob|-u bob -u carol|-n|-s|-ns|-sn|-L|-C /etc/doas.conf|-u 4002|-u #4002|-u --|-u nobody-at-all|--
-|-x|--user|--user=bob|-u|-E|A=1|-un|-su bob""")


def sudo_line(rng: random.Random) -> tuple[bytes, ...]:
    name = rng.choice(SUDO_NAMES) if rng.random() < 0.1 else b"sudo"
    options = [word for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))) for word in rng.choice(SUDO_PIECES)]
    edits = [rng.choice((b"sudoedit", f"{BIN}/sudoedit".encode())), b"one"] if rng.random() < 0.05 else []
    return (name, *options, *edits, *_end(rng))


def _end(rng: random.Random) -> list[bytes]:
    """A command, or whatever else may stand at the end."""
    separator = [b"--"] if rng.random() < 0.2 else []
    command = [rng.choice(COMMANDS) if rng.random() < 0.8 else rng.choice(WORDS)] if rng.random() < 0.85 else []
    return separator + command + [rng.choice(WORDS) for _ in range(rng.choice((0, 1, 2, 3)))]


def su_line(rng: random.Random) -> tuple[bytes, ...]:
    words = [word for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 4, 5))) for word in rng.choice(SU_PIECES)]
    if rng.random() < 0.2:
        words.insert(rng.randrange(len(words) + 1), rng.choice(WORDS))
    return (b"su", *words)


def doas_line(rng: random.Random) -> tuple[bytes, ...]:
    options = [word for _ in range(rng.choice((0, 1, 1, 2))) for word in rng.choice(DOAS_PIECES)]
    return (b"doas", *options, *_end(rng))


ORDINARY = [
    "sudo cmd x", "sudo -u bob cmd", "sudo -n cmd", "sudo -i", "sudo -iu bob", "sudo -i -u bob cmd $HOME", "sudo -s",
    "sudo -s cmd x;id", "sudo -E cmd", "sudo -H -u bob cmd", "sudo -g dba cmd", "sudo A=1 B=2 cmd", "sudo -- cmd -x",
    "sudo --preserve-env=A --user=bob cmd", "sudo -u #4002 cmd", "sudo -k cmd", f"sudo -D {SHELLS} cmd", "sudoedit one two",
    "sudo -e one", "su", "su -", "su bob", "su - bob", "su -l bob", "su bob -c x", "su - bob -c x", "su -c x bob",
    "su -c x - bob", f"su -s {OTHER_SHELL} bob -c x", "su -p bob", "su -m", "su -l -c x", "doas cmd x", "doas -u bob cmd -x",
    "doas -s", "doas -n cmd", "doas -- cmd",
]  # fmt: skip
if HAS_SUDO_RS:
    ORDINARY += [
        "sudo-rs cmd x", "sudo-rs -u bob cmd", "sudo-rs -n cmd", "sudo-rs -s", "sudo-rs -s cmd x;id", "sudo-rs -H -u bob cmd",
        "sudo-rs -g dba cmd", "sudo-rs A=1 B=2 cmd", "sudo-rs -- cmd -x", "sudo-rs -u #4002 cmd", "sudo-rs -k cmd",
        f"sudo-rs -D {SHELLS} cmd", f"sudo-rs --user=bob --group dba {BIN}/cmd",
    ]  # fmt: skip


@pytest.mark.parametrize("line", ORDINARY)
def test_what_people_type_is_read_for_certain(stage: Stage, line: str) -> None:
    words = tuple(word.encode() for word in line.split())
    seen = stage.play({"sudoedit": "sudo"}.get(words[0].decode(), words[0].decode()), words)
    assert seen.ran, seen.err
    wrong, _ = check(seen)
    assert not wrong, "\n".join(wrong)
    account = seen.account[0]
    assert read(account["service"], of(account["whole"]), whole=True, posix=False).doubt == ""


@pytest.mark.parametrize(
    "words",
    [("--preserve-env=A,/usr/bin/true", "cmd", "x"), ("--preserve-env=A,-u,bob", "cmd"), ("--preserve-env=A,-l", "cmd")],
    ids=["the command is another one", "the user is another one", "nothing seems to run"],
)
def test_sudo_cuts_its_own_words_so_that_they_look_like_others(stage: Stage, words: tuple[str, ...]) -> None:
    seen = stage.play("sudo", (b"sudo", *(word.encode() for word in words)))
    [account], [ran] = seen.account, seen.ran
    assert os.path.basename(ran["argv"][0]) == "cmd" and ran["uid"] == 0
    cut, whole = of(account["seen"]), of(account["whole"])
    assert len(cut) > len(whole) == len(words) + 1
    assert read("sudo", cut).doubt != ""
    assert read("sudo", whole, whole=True).argv[0] == b"cmd" and read("sudo", whole, whole=True).user is None


def test_a_directory_of_sudo_s_may_be_somebody_s_home(stage: Stage) -> None:
    words = (b"sudo", b"-D", b"~bob", b"cmd")
    assert stage.play("sudo", words).ran[0]["cwd"] == "/home/bob"
    assert read("sudo", words).doubt != ""


def test_sudo_looks_for_a_relative_command_here_and_runs_it_there(stage: Stage) -> None:
    """sudoers is asked about the file in the directory of the caller; executed is the one in the directory of -D."""
    words = (b"sudo", b"-D", os.fsencode(BIN), b"./cmd")
    assert stage.play("sudo", words).ran == []  # it is not here
    (FILES / "cmd").symlink_to("/bin/true")
    try:
        [ran] = stage.play("sudo", words).ran
    finally:
        (FILES / "cmd").unlink()
    assert (ran["argv"], ran["cwd"]) == (["./cmd"], str(BIN))
    assert (read("sudo", words).argv, read("sudo", words).chdir) == ((b"./cmd",), os.fsencode(BIN))


@pytest.mark.parametrize(
    ("program", "words", "is_theirs"),
    [
        ("su", (b"su", b"-c", b":", b"root"), True),
        ("su", (b"su", b"-", b"root", b"-c", b":"), False),
        ("sudo", (b"sudo", b"/bin/bash", b"-c", b":"), False),
    ],
    ids=["su", "su, a login", "sudo"],
)
def test_whose_bash_env_a_shell_reads(stage: Stage, program: str, words: tuple[bytes, ...], is_theirs: bool) -> None:
    """su without a login keeps all of the caller's environment: a line for its shell is not all that runs."""
    (SHELLS / "root").unlink()
    (SHELLS / "root").symlink_to("/bin/bash")
    (FILES / "theirs").write_text(f"exec {BIN}/cmd")
    try:
        ran = stage.play(program, words, env={"BASH_ENV": str(FILES / "theirs")}).ran
    finally:
        (FILES / "theirs").unlink()
        (SHELLS / "root").unlink()
        (SHELLS / "root").hardlink_to(PLACE / "probe")
    assert [run["uid"] for run in ran] == ([0] if is_theirs else [])


def test_an_environment_may_turn_su_s_options_into_the_shell_s_arguments(stage: Stage) -> None:
    words = (b"su", b"bob", b"-s", OTHER_SHELL.encode())
    for posix, path in ((False, OTHER_SHELL), (True, f"{SHELLS}/bob")):
        seen = stage.play("su", words, posix=posix)
        assert seen.ran[0]["argv"][0] == path
        assert check(seen)[0] == []
    assert read("su", words).doubt != ""


@pytest.mark.parametrize(
    ("program", "words", "env", "how"),
    [
        ("sudo", (b"sudo", b"-s", b"x"), {"SHELL": f"{BIN}/sudoedit"}, "edits"),
        ("doas", (b"doas", b"-s"), {"SHELL": "cmd"}, "is found by the caller's PATH"),
        ("doas", (b"doas", b"cmd"), {}, "is found by the caller's PATH"),
        ("su", (b"su", b"-p", b"bob"), {"SHELL": f"{BIN}/cmd"}, "is the caller's choice"),
    ],
)
def test_what_else_hangs_on_the_caller_s_environment(
    stage: Stage, program: str, words: tuple[bytes, ...], env: dict[str, str], how: str
) -> None:
    """Whoever takes an Invocation up has to look at $SHELL and $PATH as the program does."""
    [ran] = stage.play(program, words, env=env).ran
    assert ran["argv"][0] == (f"{PLACE}/probe" if how == "edits" else f"{BIN}/cmd")
    assert (ran["uid"] == 4001) is (how == "edits")


@pytest.mark.parametrize(
    ("program", "line", "count", "at_least"),
    [
        pytest.param("sudo", sudo_line, 50, 14, id="sudo"),
        pytest.param("su", su_line, 35, 10, id="su"),
        pytest.param("doas", doas_line, 20, 6, id="doas"),
        *([pytest.param("sudo-rs", sudo_line, 120, 14, id="sudo-rs")] if HAS_SUDO_RS else []),
        *(
            pytest.param(
                *row,
                id=f"{row[0]}, many",
                marks=full("every day, the test uses only the first of these command lines; the others are of the same kinds"),
            )
            for row in (("sudo", sudo_line, 350, 100), ("su", su_line, 250, 80), ("doas", doas_line, 120, 40))
        ),
    ],
)
def test_what_is_read_for_certain_is_what_runs(stage: Stage, program: str, line: Any, count: int, at_least: int) -> None:
    rng = random.Random(f"invocation {program}")
    wrong, certain = [], 0
    for _ in range(count):
        seen = stage.play(program, line(rng), posix=rng.random() < 0.3)
        said, is_certain = check(seen)
        wrong += said
        certain += is_certain
    assert not wrong, "\n".join(wrong)
    assert certain >= at_least, "too few of the lines are read for certain"
