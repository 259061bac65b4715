# SPDX-License-Identifier: Apache-2.0
"""A host of nothing but texts, and rows about it: which files it has, and what has to be found."""

from __future__ import annotations

import fnmatch
from typing import NamedTuple

from jitd.hosts.findings import BAD, UNKNOWN, Linted
from jitd.hosts.places import LARGEST, NoFile, Places, Unreadable
from jitd.hosts.stack import Source
from jitd.hosts.starting import Process
from jitd_inspection.pamlint.linting import lint_host

GATE = "pam_jit.so"
SHAPE = f"""\
account [success=2 default=ignore] pam_rootok.so
account [success=1 default=ignore] {GATE}
account requisite pam_deny.so
"""
SCRIPT = "pam_python.so /usr/lib/jitd/pam_jit.py"
OF_0_1 = f"""\
account [success=4 default=ignore] pam_rootok.so
account [success=1 default=ignore] pam_exec.so seteuid quiet stdout /usr/bin/python3 -IS /usr/lib/jitd/jitpam/pam_guard.py
account requisite pam_deny.so
account [success=1 default=ignore] {SCRIPT}
account requisite pam_deny.so
"""
"""The lines of su's gate in 0.1, whose module, in Python, and whose guard are gone."""
BY_USER = "pam_succeed_if.so quiet uid = 0"
LOGIN_SHAPE = SHAPE.replace("pam_rootok.so", BY_USER)
SSHD_SHAPE = LOGIN_SHAPE.replace("account", "session")
DENY = "account requisite pam_deny.so\n"
SUDO = "@include common-auth\n@include common-account\n@include common-session-noninteractive\n"
SSHD = """\
@include common-auth
account    required     pam_nologin.so
@include common-account
session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so close
session    required     pam_loginuid.so
@include common-session
session    required     pam_env.so # [1]
session    required     pam_env.so user_readenv=1 envfile=/etc/default/locale
"""
SHARED = {
    "common-auth": """\
auth [success=1 default=ignore] pam_unix.so nullok
auth requisite pam_deny.so
auth required pam_permit.so
""",
    "common-account": """\
# as pam-auth-update writes it
account	[success=1 new_authtok_reqd=done default=ignore]	pam_unix.so
account	requisite			pam_deny.so
account	required			pam_permit.so
""",
    "common-session": """\
session	[default=1]			pam_permit.so
session	requisite			pam_deny.so
session	required			pam_permit.so
session	required	pam_unix.so
session	optional	pam_systemd.so
""",
    "common-session-noninteractive": """\
session	[default=1]			pam_permit.so
session	requisite			pam_deny.so
session	required			pam_permit.so
session	required	pam_unix.so
""",
    "other": "@include common-auth\n@include common-account\n@include common-session\n",
}
SU_L = (
    "auth include su\naccount include su\npassword include su\nsession optional pam_keyinit.so force revoke\nsession include su\n"
)
SECURE = 'Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"\n'
UNREADABLE = "\0unreadable"
MARKS = {BAD: "", UNKNOWN: "?"}
"""What stands before a name in a row."""


class Texts(Places):
    """Files by their paths; one that is UNREADABLE cannot be read."""

    def __init__(self, files: dict[str, str | bytes], wrong: dict[str, str] | None = None, libpam: str = "1.5") -> None:
        super().__init__()
        self.libpam = libpam
        self.files = files
        self.wrong = wrong or {}
        """What is wrong with files: by path, ``missing`` or a sentence."""
        self.running: list[Process] = []
        self.changed: dict[str, float] = {}
        self.elsewhere: set[str] = set()
        """Files that are others to what runs."""

    def _load(self, path: str, largest: int = LARGEST) -> Source | None:
        text = self.files.get(path)
        if text == UNREADABLE:
            raise Unreadable(f"{path}: Permission denied")
        if any(other.startswith(f"{path}/") for other in self.files):
            raise NoFile(f"{path} is not a regular file")
        return None if text is None else Source(path, text if isinstance(text, bytes) else text.encode())

    def names(self, directory: str) -> list[str]:
        below = {path[len(directory) + 1 :].partition("/")[0] for path in self.files if path.startswith(f"{directory}/")}
        if not below:
            raise FileNotFoundError(directory)
        return sorted(below)

    def matching(self, pattern: str) -> list[str]:
        return sorted(path for path in self.files if fnmatch.fnmatchcase(path, pattern))

    def _is_directory(self, path: str) -> bool:
        return any(other.startswith(f"{path}/") for other in self.files)

    def processes(self) -> list[Process]:
        return self.running

    def is_same_to(self, pid: str, path: str) -> bool:
        return path not in self.elsewhere

    def changed_at(self, path: str) -> float:
        return self.changed.get(path, 0.0)

    def of_kernel(self, name: str) -> str | None:
        value = self.files.get(f"/proc/sys/fs/{name}", "1\n")
        return value if isinstance(value, str) and value != UNREADABLE else None

    def module(self, name: str) -> str:
        return "" if self.wrong.get(name) == "missing" else f"/lib/security/{name}"

    def who_may_change(self, path: str) -> str:
        return self.wrong.get(path, "")

    def is_setuid(self, path: str) -> bool:
        return path in self.files

    def who_may_change_below(self, directory: str) -> str:
        return next((because for path, because in self.wrong.items() if path.startswith(f"{directory}/")), "")


class Row(NamedTuple):
    """``says`` is the sentence of the test's name; ``found`` what is found, with ~ where it is weak and ? where it is unknown."""

    says: str
    found: str
    files: dict[str, str | bytes]
    wrong: dict[str, str] = {}

    def host(self, libpam: str = "1.5") -> Texts:
        """Debian's shared files, and these. A name without / is a service."""
        shared = {f"/etc/pam.d/{name}": text for name, text in SHARED.items()}
        if "su" in self.files:
            shared["/etc/pam.d/su-l"] = SU_L
        own = {name if "/" in name else f"/etc/pam.d/{name}": text for name, text in self.files.items()}
        return Texts({**shared, "/etc/sudoers": SECURE, "/etc/ssh/sshd_config": "UsePAM yes\n", **own}, self.wrong, libpam)

    def findings(self, libpam: str = "1.5") -> list[Linted]:
        """What comes of it."""
        return lint_host(self.host(libpam))


def names(findings: list[Linted]) -> str:
    """As a row has them."""
    return " ".join(sorted({MARKS.get(finding.severity, "~") + finding.name for finding in findings}))
