# SPDX-License-Identifier: Apache-2.0
"""Files as libpam, sudo and sshd cut them up; whatever somebody has written, a finding comes of it and no fault of ours."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.hosts import sudoers
from jitd.hosts.control import ALL_BAD, BAD, DIE, DONE, FARTHEST, IGNORE, OK, RETURNS, named, table
from jitd.hosts.lines import CARRIED, CUT, LINES, LOST, words_of
from jitd.hosts.places import LARGEST, Places, Unreadable
from jitd.hosts.stack import Source, read
from jitd_inspection.pamlint import linting, sshdconfig
from jitd_inspection.pamlint.linting import lint_files, lint_host
from tests.pamlint.host import DENY, SHAPE, SUDO, UNREADABLE, Row, Texts, names
from tests.waiting import PATIENCE

NOBODY = Source("x", b"")


@pytest.mark.parametrize(
    ("data", "of_1_5", "of_1_7"),
    [
        (b"", [], []),
        (b"\n \t\n# c\n", [], []),
        (b"a b\nc", [b"a b", b"c"], [b"a b", b"c"]),
        (b"a # b\n", [b"a"], [b"a"]),
        (b"a \\\n  b\n", [b"a    b"], [b"a  b"]),
        (b"a \\  \n\n# c\nb\n", [b"a  b"], [b"a", b"b"]),
        (b"a \\\n# c\nb\n", [b"a  b"], [b"a", b"b"]),
        (b"\\\n\\\na\n", [b"  a"], [b"a"]),
        (b"# c \\\nb\n", [b"b"], [b"b"]),
        (b"a # c \\\nb\n", [b"a", b"b"], [b"a", b"b"]),
        (b"a\0b\nc\n", [b"a", b"c"], [b"a", b"c"]),
        (b"a \0 \\\nb\nc\n", [b"a", b"b", b"c"], [b"a", b"c"]),
        (b"a \\\nb\0 \\\nc\nd\n", [b"a  b", b"c", b"d"], [b"a  b", b"d"]),
        (b"\0 \\\nb\nc\n", [b"b", b"c"], [b"c"]),
        (b"\0a\nc\n", [b"c"], [b"c"]),
        (b"a\r\n", [b"a\r"], [b"a\r"]),
        (b"#" * 1023 + b"a\n", [b"a"], []),
        (b"a" * 1030 + b"\n", [b"a" * 1023, b"a" * 7], [b"a" * 1030]),
    ],
)
def test_lines_are_cut_where_libpam_cuts_them(data: bytes, of_1_5: list[bytes], of_1_7: list[bytes]) -> None:
    """Each of them is played with the host's own libpam in ``test_same_as_libpam``."""
    found = {version: [line.text.rstrip(b" \n\t") for line in lines(data).lines] for version, lines in LINES.items()}
    assert found == {"1.5": of_1_5, "1.7": of_1_7}


@pytest.mark.parametrize(
    ("data", "of_1_5", "of_1_7"),
    [
        (b"a\nb \\\n", [(2, CARRIED)], [(2, CARRIED)]),
        (b"a\nb \\\n# c\n", [(2, CARRIED)], []),
        (b"a\n\\\n", [(2, CARRIED)], [(2, CARRIED)]),
        (b"a\n\n#" + b"x" * 2000 + b"\n", [(3, CUT)], []),
        (b"a\0\n", [(1, LOST)], [(1, LOST)]),
        (b"a" * 1022 + b"\n", [], []),
        (b"a" * 1023 + b"\n", [], []),
        (b"a" * 1024 + b"\n", [(1, CUT)], []),
        ((b"a" * 500 + b"\\\n") * 4, [(3, CUT), (3, CARRIED)], [(1, CARRIED)]),
    ],
)
def test_what_is_odd_is_told_with_its_line(data: bytes, of_1_5: list[tuple[int, str]], of_1_7: list[tuple[int, str]]) -> None:
    assert {version: lines(data).odd for version, lines in LINES.items()} == {"1.5": of_1_5, "1.7": of_1_7}


def test_what_is_read_by_a_libpam_that_is_not_known_is_called_unknown_where_the_known_ones_do_not_agree() -> None:
    """THREATS P-09: and never closed."""
    comment = "#" * 1023 + "account sufficient pam_permit.so\n" + SHAPE + SUDO
    told = {libpam: names(Row("", "", {"doas": comment}).findings(libpam)) for libpam in ("1.5", "1.7", "", "1.6", "2.0")}
    assert told["1.5"] != told["1.7"] == "", "the comment is a line, and goes round the gate"
    assert told[""] == told["1.6"] == told["2.0"] == "?libpam-unknown"


TOO_DEEP = "include-takes-control include-too-deep ~no-gate"


def test_a_gate_that_is_included_too_deep_for_libpam_1_7_is_found_for_it_and_for_a_libpam_that_is_not_known() -> None:
    """THREATS P-09."""
    for n_includes, of_1_7, of_unknown in (
        (3, "", ""),
        (15, "", ""),
        (16, TOO_DEEP, f"?libpam-unknown {TOO_DEEP}"),
    ):
        files: dict[str, str | bytes] = {f"s{n}": f"account include s{n + 1}\n" for n in range(1, n_includes - 1)}
        files["doas"] = "@include common-auth\naccount include s1\n@include common-session\n"
        files[f"s{n_includes - 1}"] = "account optional pam_permit.so\n@include gate\naccount required pam_permit.so\n"
        files["gate"] = SHAPE
        told = {libpam: names(Row("", "", files).findings(libpam)) for libpam in ("1.5", "1.7", "", "1.6")}
        assert told == {"1.5": "", "1.7": of_1_7, "": of_unknown, "1.6": of_unknown}, n_includes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b" a  b\t c ", ["a", "b", "c"]),
        (b"a [b c] d", ["a", "b c", "d"]),
        (b"a [b \\] c]d", ["a", "b ] c", "d"]),
        (b"a [b c", ["a", "b c"]),
        (b"a []b", ["a", "", "b"]),
        (b"a\xff", ["a\udcff"]),
    ],
)
def test_words_are_cut_where_libpam_cuts_them(text: bytes, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_control_becomes_its_actions() -> None:
    success, ignored, other = 0, RETURNS.index("ignore"), RETURNS.index("perm_denied")
    for control, actions in (
        ("required", (OK, IGNORE, BAD)),
        ("REQUISITE", (OK, IGNORE, DIE)),
        ("sufficient", (DONE, IGNORE, IGNORE)),
        ("optional", (OK, IGNORE, IGNORE)),
        ("success=2 default=ignore", (2, IGNORE, IGNORE)),
        ("default=die success=ok", (OK, DIE, DIE)),
        ("default=die default=ok", (DIE, DIE, DIE)),
        ("success = 12ignore=bad", (12, BAD, BAD)),
        ("success=00000000000000000003", (3, BAD, BAD)),
        ("success=2147483647", (FARTHEST, BAD, BAD)),
        ("", (BAD, BAD, BAD)),
    ):
        made, because = table(control)
        assert (made[success], made[ignored], made[other]) == actions, control
        assert not because


@pytest.mark.parametrize(
    "control",
    [
        "requird", "success", "success=", "success=0", "success=-1", "succes=ok", "SUCCESS=ok", "success=ok,x",
        "success=2147483648", "success=4294967295", "success=4294967299", f"success={'9' * 5000}",
    ],
)  # fmt: skip
def test_a_control_that_makes_no_sense_denies_all(control: str) -> None:
    actions, because = table(control)
    assert actions == ALL_BAD and because


def test_values_are_named_for_people() -> None:
    assert named([25, 12]) == "new_authtok_reqd or ignore"
    assert named([0, 1, 2, 3, 32]) == "success, open_err, symbol_err or another of 5 values"
    assert named([32]) == "a number that PAM does not know"


# --- hostile ------------------------------------------------------------------------------------------------------------

MILLION = b"x" * 1_000_000
HOSTILE = [
    Row(
        "a line of a megabyte",
        "line-too-long senseless-line",
        {"doas": SHAPE.encode() + b"account required " + MILLION + b"\n" + SUDO.encode()},
    ),
    Row(
        "a comment of a megabyte is lines",
        "line-too-long senseless-line",
        {"doas": b"#" + MILLION + b"\n" + SHAPE.encode() + SUDO.encode() + b"account required " + MILLION},
    ),
    Row("a NUL", "nul-in-line", {"doas": SHAPE.encode() + b"account required pam_permit.so \0 debug\n" + SUDO.encode()}),
    Row("NULs and nothing else", "line-too-long nul-in-line ~no-gate", {"doas": b"\0" * 100_000}),
    Row(
        "bytes that are no text",
        "~not-utf-8",
        {"doas": SHAPE.encode() + b"account required pam_permit.so \xff\xfe\n" + SUDO.encode()},
    ),
    Row("a comment may be any bytes", "", {"doas": b"# \xe4\xf6\xfc\n" + SHAPE.encode() + SUDO.encode()}),
    Row("a file that ends in a backslash", "ends-in-backslash", {"doas": SHAPE + SUDO + "account required \\"}),
    Row("a file that includes itself", "include-loop", {"doas": "@include doas\n" + SHAPE + SUDO}),
    Row(
        "files that include each other",
        "include-loop nobody-gets-in",
        {"doas": SHAPE + "account include a\n" + SUDO, "a": "account substack b\n", "b": "account include a\n"},
    ),
    Row(
        "seventeen substacks",
        "include-too-deep nobody-gets-in",
        {"doas": SHAPE + "account substack s0\n" + SUDO} | {f"s{n}": f"account substack s{n + 1}\n" for n in range(20)},
    ),
    Row(
        "a thousand files within each other",
        "?too-involved",
        {"doas": "account include s0\n" + SHAPE + SUDO} | {f"s{n}": f"account include s{n + 1}\n" for n in range(1000)},
    ),
    Row(
        "sixty files that include the next one twice",
        "?too-involved",
        {"doas": "account include s0\n" + SHAPE + SUDO}
        | {f"s{n}": f"account include s{n + 1}\n" * 2 for n in range(60)}
        | {"s60": ""},
    ),
    Row("an include without a name crashes libpam", "include-missing", {"doas": "@include\n" + SHAPE + SUDO}),
    Row("a stack that cannot be read", "?unreadable", {"doas": UNREADABLE}),
    Row("sudoers that cannot be read", "?unreadable", {"sudo": SHAPE + SUDO, "sudo-i": SHAPE + SUDO, "/etc/sudoers": UNREADABLE}),
    Row(
        "sshd_config that cannot be read",
        "~sshd-account ?unreadable",
        {"sshd": SHAPE.replace("pam_rootok.so", "pam_succeed_if.so quiet uid = 0") + SUDO, "/etc/ssh/sshd_config": UNREADABLE},
    ),
    Row(
        "sudoers of other bytes and a megabyte of spaces",
        "no-secure-path ?senseless-setting",
        {
            "sudo": SHAPE + SUDO,
            "sudo-i": SHAPE + SUDO,
            "/etc/sudoers": b"Defaults \xff\0=\nDefaults a" + b" " * 1_000_000 + b"%\n#include \n@include\n",
        },
    ),
    Row(
        "sshd_config of quotes and a megabyte of spaces",
        "no-pam ?senseless-setting ~sshd-account",
        {
            "sshd": SHAPE.replace("pam_rootok.so", "pam_succeed_if.so quiet uid = 0") + SUDO,
            "/etc/ssh/sshd_config": b'\xff\0\nMatch\nInclude\nUsePAM "' + b" " * 1_000_000 + b"'x\n",
        },
    ),
    Row(
        "carriage returns belong to the module's name",
        "nobody-gets-in return-in-line senseless-line",
        {"doas": SHAPE + SUDO + "\r\naccount requisite pam_unix.so\r\n" + DENY},
    ),
]


MOST_STEPS = 20_000_000
"""Calls, of Python and of C. The worst row takes three million; what grows with the square of a megabyte, or doubles with each
of sixty files, takes as many as nobody can wait for."""


class TooMany(BaseException):
    """Nothing that is looked at here catches it."""


@contextlib.contextmanager
def counted() -> Iterator[list[int]]:
    """The calls that are made, in place of a clock; too many of them, or one that does not come back, are the end."""
    steps = [0]

    def step(frame: object, event: str, argument: object) -> None:
        steps[0] += event in ("call", "c_call")
        if steps[0] > MOST_STEPS:
            sys.setprofile(None)
            raise TooMany(f"more than {MOST_STEPS} calls")

    def hangs(number: int, frame: object) -> None:
        raise TooMany(f"after {steps[0]} calls one does not come back")

    before, kept = sys.getprofile(), signal.signal(signal.SIGALRM, hangs)
    signal.alarm(int(PATIENCE))
    sys.setprofile(step)
    try:
        yield steps
    finally:
        sys.setprofile(before)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)


LONG = {  # what libpam 1.7 makes of it
    "a line of a megabyte": "",
    "a comment of a megabyte is lines": "",
    "NULs and nothing else": "nul-in-line ~no-gate",
    "a thousand files within each other": "include-too-deep nobody-gets-in",
    "sixty files that include the next one twice": "include-too-deep ?too-involved",
}


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.says)
@pytest.mark.parametrize("libpam", ["1.5", "1.7"])
def test_a_hostile_file_is_a_finding(row: Row, libpam: str) -> None:
    with counted():
        findings = row.findings(libpam)
    found = LONG.get(row.says, row.found) if libpam == "1.7" else row.found
    assert names(findings) == " ".join(sorted(found.split())), [f"{finding.place}: {finding.sentence}" for finding in findings]


@given(st.binary(max_size=300), st.sampled_from(("sudo", "sudoers", "sshd_config")))
def test_no_file_is_a_fault_of_ours(data: bytes, name: str) -> None:
    for libpam in ("1.5", "1.7", ""):
        lint_files([f"/x/{name}"], Texts({f"/x/{name}": data}, libpam=libpam))


PIECES = (
    "account ",
    "session ",
    "@include ",
    "include ",
    "[success=",
    "]",
    "1 ",
    "default=ignore",
    "die ",
    "\\\n",
    "\n",
    "#",
    "x ",
    "sudo ",
    "pam_jit.so ",
    "/usr/lib/jitd/pam_jit.py",
    "pam_rootok.so ",
    "pam_deny.so ",
    "requisite ",
    "pam_succeed_if.so uid = 0",
    "\0",
    " ",
    "Defaults",
    "!",
    ":",
    ",",
    "=",
    '"',
    "pam_acct_mgmt",
    "Match ",
    "UsePAM ",
)


@given(st.lists(st.sampled_from(PIECES), max_size=60), st.sampled_from(("sudo", "sshd", "sudoers", "sshd_config")))
def test_no_file_of_such_words_is_a_fault_of_ours(pieces: list[str], name: str) -> None:
    for libpam in ("1.5", "1.7", ""):
        lint_files([f"/x/{name}"], Texts({f"/x/{name}": "".join(pieces)}, libpam=libpam))


# --- files that are named -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "data", "kind"),
    [
        ("/x/sudoers", b"", "sudoers"),
        ("/x/sudoers.d/y", b"", "sudoers"),
        ("/x/sshd_config", b"", "sshd_config"),
        ("/x/sshd_config.d/y.conf", b"", "sshd_config"),
        ("/x/doas.conf", b"permit :wheel", "doas.conf"),
        ("/etc/pam.d/y", b"Defaults x", "pam"),
        ("/x/sudo", SHAPE.encode() + SUDO.encode(), "pam"),
        ("/x/y", b"", "pam"),
        ("/x/y", b"# nothing\n", "pam"),
        ("/x/y", b"Defaults env_reset\n@include /etc/z\nroot ALL=(ALL) ALL\n", "sudoers"),
        ("/x/y", b"Port 22\nUsePAM yes\nSubsystem sftp x\n", "sshd_config"),
        ("/x/y", b"@include common-account\n", "pam"),
    ],
)
def test_a_file_is_recognised_by_its_name_or_by_what_is_in_it(path: str, data: bytes, kind: str) -> None:
    assert linting.kind_of(path, data) == kind


def test_only_what_is_named_is_judged_and_what_it_includes_is_looked_for_beside_it() -> None:
    host = Texts(
        {
            "/x/sudo": SHAPE + "@include mine\n@include common-account\n",
            "/x/mine": "account required pam_unix.so\n",
            "/etc/pam.d/common-account": "account required pam_permit.so\n",
            "/etc/pam.d/sudo-i": SUDO,
            "/etc/sudoers": "Defaults !pam_acct_mgmt\n",
        }
    )
    assert names(lint_files(["/x/sudo"], host)) == ""
    host.files["/x/mine"] = DENY
    assert names(lint_files(["/x/sudo"], host)) == "nobody-gets-in"
    del host.files["/x/mine"]
    assert names(lint_files(["/x/sudo"], host)) == "include-missing"


def test_named_files_are_judged_together() -> None:
    host = Texts({"/x/sudo": SHAPE + SUDO, "/x/sudo-i": SUDO, "/x/sudoers": "Defaults !pam_acct_mgmt\n", "/x/sshd_config": ""})
    host.files |= {f"/x/{name}": "account required pam_unix.so\n" for name in ("common-auth", "common-account")}
    host.files["/x/common-session-noninteractive"] = "session required pam_unix.so\n"
    assert names(lint_files(["/x/sudo", "/x/sudo-i"], host)) == "twin-without-gate ~no-gate"
    assert names(lint_files(["/x/sudoers"], host)) == "no-account no-secure-path"
    assert names(lint_files(["/x/sshd_config"], host)) == "no-pam"
    host.files["/x/sudo"] = LOGIN_LIKE + SUDO
    assert names(lint_files(["/x/sudo"], host)) == ""
    host.files["/x/sudoers"] = "Defaults targetpw, secure_path=/bin\n"
    assert names(lint_files(["/x/sudoers", "/x/sudo"], host)) == "target-for-caller", "sudoers says whom PAM_USER names"


LOGIN_LIKE = SHAPE.replace("pam_rootok.so", "pam_succeed_if.so quiet uid = 0")


def test_a_file_that_is_named_and_not_there_is_told() -> None:
    assert names(lint_files(["/x/absent"], Texts({}))) == "?unreadable"
    assert names(lint_files(["/x/doas.conf"], Texts({"/x/doas.conf": "permit nopass :wheel\n"}))) == ""
    assert names(lint_files(["/x/su"], Texts({"/x/su": "account required pam_permit.so\n"}))) == "~no-gate"
    assert names(lint_files(["/x/common-account"], Texts({"/x/common-account": "account required pam_permit.so\n"}))) == ""


# --- places -------------------------------------------------------------------------------------------------------------


def test_files_are_read_and_nothing_but_files(tmp_path: Path) -> None:
    (tmp_path / "etc/pam.d").mkdir(parents=True)
    (tmp_path / "usr/lib/pam.d").mkdir(parents=True)
    (tmp_path / "usr/lib/pam.d/su").write_text("account required pam_permit.so\n")
    os.mkfifo(tmp_path / "etc/pam.d/pipe")
    with (tmp_path / "etc/pam.d/huge").open("wb") as huge:
        huge.truncate(LARGEST + 1)
    places = Places(str(tmp_path))
    assert places.stack("su") == Source("/usr/lib/pam.d/su", b"account required pam_permit.so\n")
    assert places.stack("sudo") is None
    assert places.included("su", "") is None, "Debian's libpam looks for what is included in /etc/pam.d alone"
    assert places.included("su", "/usr/lib/pam.d") is not None
    assert places.read("/a\0b") is None
    for name in ("pipe", "huge", "."):
        with pytest.raises(Unreadable):
            places.read(f"/etc/pam.d/{name}")
        assert places.included(name, "") is None
    assert names(lint_host(places)) == "~no-gate"


def test_a_module_is_found_where_libpam_finds_it(tmp_path: Path) -> None:
    places = Places(str(tmp_path))
    assert places.module("pam_jit.so") == places.module("/x/pam_jit.so") == ""
    (tmp_path / "lib/security").mkdir(parents=True)
    (tmp_path / "lib/security/pam_jit.so").touch()
    places = Places(str(tmp_path))  # another check
    assert places.module("pam_jit.so") == places.module("/lib/security/pam_jit.so") == "/lib/security/pam_jit.so"
    assert places.module("pam_*.so") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="files of root's")
def test_whoever_may_change_a_file_or_a_directory_above_it_is_told(tmp_path: Path) -> None:

    def told() -> str:
        return Places(str(tmp_path)).who_may_change("/d/file")

    assert told() == "missing"
    (tmp_path / "d").mkdir()
    file = tmp_path / "d/file"
    file.touch()
    assert told() == ""
    file.chmod(0o666)
    assert "may be written by everybody" in told()
    file.chmod(0o644)
    (tmp_path / "d").chmod(0o775)
    assert "may be written by gid 0" in told()
    (tmp_path / "d").chmod(0o755)
    os.chown(file, 1234, 0)
    assert "belongs to uid 1234" in told()


def test_below_a_directory_a_link_of_others_hides_no_file_of_others(tmp_path: Path) -> None:
    deep = tmp_path / "lib/deep"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    for above in (tmp_path / "lib", deep):
        (above / "link").symlink_to(tmp_path)
        os.chown(above / "link", 1234, 0, follow_symlinks=False)

    def told() -> str:
        return Places(str(tmp_path)).who_may_change_below("/lib")

    assert told() == "", "root alone may put another link there"
    os.chown(deep / "file", 1234, 0)
    assert "belongs to uid 1234" in told()


def test_a_directory_that_cannot_be_read_is_no_directory_without_a_fault() -> None:
    """As somebody who may not read it: root reads all."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        Path(root, "lib/closed").mkdir(parents=True)
        Path(root, "lib/closed").chmod(0o700)
        assert Places(root).who_may_change_below("/lib") == Places(root).who_may_change_below("/absent") == ""
        os.seteuid(1234)
        try:
            told = Places(root).who_may_change_below("/lib")
        finally:
            os.seteuid(0)
        assert told == "a directory below /lib cannot be read: Permission denied"


def test_what_sudoers_and_sshd_config_include_is_found(tmp_path: Path) -> None:
    below = tmp_path / "etc/sudoers.d"
    below.mkdir(parents=True)
    for name in ("b", "a", "c.bak", "d~"):
        (below / name).write_text(name)
    (below / "directory").mkdir()
    places = Places(str(tmp_path))
    assert [source.file for source in places.of_sudoers("includedir", "/etc/sudoers.d")] == [
        "/etc/sudoers.d/a",
        "/etc/sudoers.d/b",
    ]
    assert places.of_sudoers("includedir", "/etc/absent") == []
    assert [source.data for source in places.of_sudoers("include", "/etc/sudoers.d/c.bak")] == [b"c.bak"]
    for path in ("/etc/absent", "/etc/sudoers.d", "/a\0"):
        with pytest.raises(LookupError):
            places.of_sudoers("include", path)
    (tmp_path / "etc/ssh").mkdir()
    (tmp_path / "etc/ssh/x.conf").write_text("UsePAM no\n")
    assert [source.file for source in places.of_sshd("*.conf", "")] == ["/etc/ssh/x.conf"]
    assert [source.file for source in places.of_sshd("/etc/ssh/*.conf", "/x")] == ["/etc/ssh/x.conf"]
    assert places.of_sshd("*.conf", "/etc/sudoers.d") == places.of_sshd("/etc/ssh/x.conf", ""), "and then in /etc/ssh"


def test_settings_are_read_with_whom_they_are_for() -> None:
    text = b'Defaults:a, %b ,#12 x, !y, z="1, 2",w+=3 # c\nDefaults!/bin/x\\ y v\nDefaults>ALL u = t\nDefaultsx q\n'
    found = sudoers.read(Source("s", text), lambda *_: [])
    assert [setting.written for setting in found.settings] == [
        "Defaults:a, %b ,#12 x",
        "Defaults:a, %b ,#12 !y",
        "Defaults:a, %b ,#12 z=1, 2",
        "Defaults:a, %b ,#12 w+=3",
        "Defaults!/bin/x\\ y v",
        "Defaults>ALL u=t",
    ]
    config = sshdconfig.read(Source("c", b'UsePAM=yes\n  match user "a b"\nusepam "no" # x\n'), lambda _: [])
    assert [(setting.keyword, setting.values, setting.match) for setting in config.settings] == [
        ("usepam", ("yes",), ""),
        ("usepam", ("no",), "user a b"),
    ]


def test_a_stack_knows_where_each_line_is() -> None:
    files = {"b": Source("/etc/pam.d/b", b"\n# x\naccount required \\\n pam_b.so\n")}
    stack = read("a", Source("/etc/pam.d/a", b"auth required pam_a.so\n\naccount substack b\n"), files.get)
    assert [(str(handler.place), handler.level, handler.name) for handler in stack.handlers["account"]] == [
        ("/etc/pam.d/a:3", 0, "b"),
        ("/etc/pam.d/b:3", 1, "pam_b.so"),
    ]
    assert [str(handler.place) for handler in stack.handlers["auth"]] == ["/etc/pam.d/a:1"]
