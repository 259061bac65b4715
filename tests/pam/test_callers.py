# SPDX-License-Identifier: Apache-2.0
"""Who types it has the last word on nothing: environment, directory, credential cache and command line are theirs, and none of
it makes the module read, write, load or believe what it should not (THREATS P-03, K-10, K-12).

Law: eve has no right to anything, and carol is permitted everything: what is refused to carol is refused for what she brought.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.marks import full
from tests.pam.programs import BY_NAME, PYTHONS, Gated, Program, all_are_kept_out

in_the_lab = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
COLUMNS = tuple(BY_NAME[name] for name in ("sudo", "su -c", "doas"))
every_program = pytest.mark.parametrize("program", COLUMNS, ids=lambda program: program.name)
EVIL = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
    dprintf(open("MARK", O_CREAT | O_WRONLY | O_APPEND, 0666), "the library, by euid %d\n", geteuid());
}
"""
SPEAKS_UP = """
import posix
text = b"%s, by euid %d\\n" % (__file__.encode(), posix.geteuid())
posix.write(posix.open("MARK", posix.O_CREAT | posix.O_WRONLY | posix.O_APPEND, 0o666), text)
"""


@pytest.fixture(scope="module")
def evil(gated: Gated) -> Path:
    """A directory of eve's and carol's making, full of things that leave a mark when they are loaded."""
    place, mark = gated.root / "evil", gated.root / "evil/loaded"
    place.mkdir()
    place.chmod(0o1777)
    (place / "evil.c").write_text(EVIL.replace("MARK", str(mark)))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(place / "evil.so"), str(place / "evil.c")], check=True)
    (place / "krb5.conf").write_text(
        f"[libdefaults]\ndefault_realm = EXAMPLE.TEST\n[realms]\nEXAMPLE.TEST = {{ kdc = 127.0.0.1 }}\n"
        f"[plugins]\nclpreauth = {{ module = evil:{place}/evil.so }}\nccselect = {{ module = evil:{place}/evil.so }}\n"
        f"hostrealm = {{ module = evil:{place}/evil.so }}\nlocalauth = {{ module = evil:{place}/evil.so }}\n"
    )
    (place / "mech").write_text(f"krb5 1.2.840.113554.1.2.2 {place}/evil.so\n")
    library = place / "lib" / PYTHONS.name
    shutil.copytree(PYTHONS, library, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "test", "idlelib"))
    text = SPEAKS_UP.replace("MARK", str(mark))
    for name in ("encodings/__init__.py", "json/__init__.py", "socket.py", "site.py", "os.py", "sitecustomize.py"):
        (library / name).unlink(missing_ok=True)  # some are links to the host's own
        (library / name).write_text(text)
    for name in ("json.py", "pwd.py", "sitecustomize.py", "usercustomize.py", "binascii.py"):
        (place / name).write_text(text)
    (place / "bin").mkdir()
    shutil.copy("/bin/true", place / "bin/python3")
    return place


def loaded(evil: Path) -> str:
    """What of it was, and by whom."""
    return "".join(file.read_text() for file in (evil / "loaded", evil / "trace") if file.exists())


HOSTILE = (
    "KRB5_CONFIG={evil}/krb5.conf", "KRB5_TRACE={evil}/trace", "GSS_MECH_CONFIG={evil}/mech", "LD_PRELOAD={evil}/evil.so",
    "LD_AUDIT={evil}/evil.so", "LD_LIBRARY_PATH={evil}", "PYTHONPATH={evil}", "PYTHONHOME={evil}", "PYTHONSTARTUP={evil}/json.py",
    "PYTHONUSERBASE={evil}", "PYTHONPLATLIBDIR={evil}/lib", "PYTHONINSPECT=1", "KRB5_KTNAME={evil}/keytab",
    "KRB5RCACHETYPE=none", "HOME={evil}",
    "GCONV_PATH={evil}", "KRB5_KDC_PROFILE={evil}/krb5.conf",
)  # fmt: skip


@in_the_lab
@every_program
def test_no_variable_of_the_callers_is_heeded_by_module_or_initiator(gated: Gated, evil: Path, program: Program) -> None:
    """THREATS K-10: all at once, and nothing differs: carol is let in, eve is not, and nothing was loaded or written."""
    env = tuple(variable.format(evil=evil) for variable in HOSTILE)
    mark = gated.mark()
    line = ["as", "carol", "env", *env, *program.line("carol", mark)]
    gated.drive(line, program, mark).is_let_in()
    all_are_kept_out([gated.type("eve", program, env=env)], "jitd: denied: no rule permits this")
    assert loaded(evil) == ""


LIBRARIES = {
    "no PATH": ((), "{evil}"),
    "an empty PATH": (("PATH=",), "{evil}"),
    "a PATH that leads nowhere": (("PATH=/nowhere",), "{evil}"),
    "a PATH of here": (("PATH=.",), "{evil}/bin"),
    "a PATH to a python3 of theirs": (("PATH={evil}/bin:/usr/bin",), "/"),
    "a relative PATH": (("PATH=bin:/usr/bin",), "{evil}"),
    "PYTHONEXECUTABLE": (("PATH=/usr/bin", "PYTHONEXECUTABLE={evil}/bin/python3"), "/"),
    "__PYVENV_LAUNCHER__": (("PATH=/usr/bin", "__PYVENV_LAUNCHER__={evil}/bin/python3"), "/"),
}


@in_the_lab
@every_program
def test_no_library_of_the_callers_runs(gated: Gated, evil: Path, program: Program) -> None:
    """THREATS K-10, P-11: it would run as root, whoever they are. All of them side by side."""
    begun = []
    for variables, directory in LIBRARIES.values():
        mark = gated.mark()
        words = program.line("eve", mark)
        if program.service == "sudo":
            words.insert(1, "-E")
        # Debian 13's sudo dies of SIGSEGV if there is no variable at all.
        around = [
            "env",
            "-C",
            directory.format(evil=evil),
            "-i",
            "TERM=dumb",
            *(variable.format(evil=evil) for variable in variables),
        ]
        line = ["as", "eve", *around, os.path.join("/usr/bin", words[0]), *words[1:]]
        begun.append(gated.drive(line, program, mark))
    all_are_kept_out(begun, "jitd: denied: no rule permits this")
    assert loaded(evil) == ""


# --- credential caches ---------------------------------------------------------------------------------------------------


@pytest.fixture
def roots(gated: Gated) -> Iterator[Path]:
    """A directory of root's with carol's ticket in it, in each of its forms: who reads it has a proof that she is carol."""
    place = Path("/root/caches")
    place.mkdir(mode=0o700)
    (place / "file").write_bytes(gated.ticket_of("carol"))
    (place / "dir").mkdir()
    shutil.copy(place / "file", place / "dir/tkt")
    (place / "dir/primary").write_text("tkt\n")
    yield place
    shutil.rmtree(place)


CACHES = (
    "FILE:/etc/shadow", "FILE:{roots}/file", "{roots}/file", "DIR:{roots}/dir", "DIR::{roots}/dir/tkt", "DIR:/root/new",
    "FILE:{link}", "KEYRING:persistent:0", "KEYRING:user:0", "MEMORY:x", "KCM:0", "FILE:/root/new-file", "API:x", "FILE:",
)  # fmt: skip


OF_EACH_KIND = ("FILE:{roots}/file", "DIR:{roots}/dir", "FILE:{link}", "KEYRING:user:0")
BROUGHT = [
    *(pytest.param(program, CACHES if program.name == "sudo" else OF_EACH_KIND, id=program.name) for program in COLUMNS),
    *(
        pytest.param(
            program,
            CACHES,
            id=f"{program.name}, all",
            marks=full("every day, the test uses each cache with sudo, and one cache of each kind with su and doas"),
        )
        for program in COLUMNS
        if program.name != "sudo"
    ),
]


@in_the_lab
@pytest.mark.parametrize(("program", "caches"), BROUGHT)
def test_no_cache_is_read_or_made_with_roots_rights(gated: Gated, roots: Path, program: Program, caches: tuple[str, ...]) -> None:
    """THREATS P-03. All of them side by side: a refusal of su's takes two seconds."""
    link = gated.ran / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(roots / "file")
    os.lchown(link, 4003, 4003)
    before = seen(roots, Path("/etc/shadow")), sorted(os.listdir("/root")), gated.events()
    typed = [
        gated.type("carol", program, cache=None, env=(f"KRB5CCNAME={cache.format(roots=roots, link=link)}",)) for cache in caches
    ]
    all_are_kept_out(typed, "jitd: denied: no rule permits this without a Kerberos ticket")
    assert (seen(roots, Path("/etc/shadow")), sorted(os.listdir("/root")), gated.events()) == before


def seen(*places: Path) -> list[Any]:
    """What is there, and when it was changed."""
    files = [file for place in places for file in (place, *place.rglob("*"))]
    return [(str(file), file.stat().st_mtime_ns, file.stat().st_ctime_ns, file.stat().st_size) for file in files]


@in_the_lab
@every_program
def test_somebody_elses_ticket_is_refused_and_told(gated: Gated, program: Program) -> None:
    """THREATS K-12, both ways: eve with carol's, and carol with eve's."""
    before = gated.events()
    typed = [gated.type(who, program, cache=gated.ticket_of(whose)) for who, whose in (("eve", "carol"), ("carol", "eve"))]
    all_are_kept_out(typed, "jitd: this ticket does not belong to your account on this host: kinit as yourself")
    assert gated.events() == before


# --- what the request says -----------------------------------------------------------------------------------------------

LINES: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("sudo", ("sudo", "-u", "bob", "id", "-un"), {"argv": ["id", "-un"], "path": "/usr/bin/id", "run_as": "bob"}),
    ("sudo", ("sudo", "-g", "ops", "--", "id"), {"argv": ["id"], "run_as": "alice", "run_as_group": "ops"}),
    ("sudo", ("bash", "-c", "exec -a harmless sudo id"), {"argv": ["id"], "run_as": "root"}),
    ("sudo", ("sudo", "-s", "id", ";", "x"), {"argv": ["/bin/bash", "-c", "id \\\\; x"], "run_as": "root"}),
    ("sudo-i", ("sudo", "-iu", "bob", "id"), {"argv": ["-bash", "-c", "id"], "run_as": "bob", "cwd": "/home/bob"}),
    ("su", ("su", "bob", "-c", "id; id"), {"argv": ["/bin/bash", "-c", "id; id"], "run_as": "bob", "account": "alice"}),
    ("su-l", ("su", "-l", "bob", "-c", "id"), {"argv": ["-bash", "-c", "id"], "run_as": "bob", "account": "alice"}),
    ("doas", ("doas", "-u", "bob", "id", "-un"), {"argv": ["id", "-un"], "run_as": "bob", "account": "alice"}),
)  # fmt: skip
IN_DOUBT: tuple[tuple[str, ...], ...] = (
    ("sudo", "-l"),
    ("sudo", "-v"),
    ("sudo", "-e", "/etc/hosts"),
    ("bash", "-c", "exec -a sudoedit sudo /etc/hosts"),
    ("sudo", "-s", "echo", "é"),
)


@in_the_lab
@pytest.mark.parametrize(
    ("service", "words", "expected"), LINES, ids=lambda value: " ".join(value) if type(value) is tuple else ""
)
def test_a_request_says_what_runs_as_whom_and_who_asks(
    gated: Gated, service: str, words: tuple[str, ...], expected: dict[str, Any]
) -> None:
    typed = gated.type("alice", Program("", service, words, (), asks_password=words[0] == "su"))
    row = gated.show(typed.id)
    assert {key: row[key] for key in expected} == expected
    assert (row["service"], row["requester"], row["uid"], row["doubt"]) == (service, "alice@EXAMPLE.TEST", 4001, "")
    assert row["claims"]["tty"], "the terminal"
    typed.terminal.sendintr()
    typed.is_kept_out("")


@in_the_lab
@pytest.mark.parametrize("words", IN_DOUBT, ids=" ".join)
def test_what_is_not_understood_for_certain_is_shown_whole_and_marked(gated: Gated, words: tuple[str, ...]) -> None:
    typed = gated.type("alice", Program("", "sudo", words, ()))
    row = gated.show(typed.id)
    assert row["doubt"] and row["run_as"] == "root"
    assert words[0] == "bash" or row["argv"] == list(words)
    assert row["doubt"] in gated.jitd("show", row["id"]).stdout
    typed.terminal.sendintr()
    typed.is_kept_out("")


@in_the_lab
@pytest.mark.parametrize(
    "limit",
    [
        *("--nproc=1", "--nofile=4", "--as=60000000", "--stack=16384"),
        *(
            pytest.param(limit, marks=full("every day, tests/pam/test_many.py sets each limit in a program of its own"))
            for limit in ("--fsize=0", "--cpu=1")
        ),
    ],
)
def test_a_limit_of_the_callers_is_at_most_a_refusal(gated: Gated, limit: str) -> None:
    typed = []
    for program in COLUMNS:
        mark = gated.mark()
        line = ["as", "eve", "prlimit", limit, *program.line("eve", mark)]
        try:
            typed.append(gated.drive(line, program, mark))
        except pexpect.EOF:  # su may end before it asks for the password
            assert program.asks_password and not mark.exists()
    all_are_kept_out(typed, "")
