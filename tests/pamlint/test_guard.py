# SPDX-License-Identifier: Apache-2.0
"""Whether something looks where Python takes its library from, before it is loaded in a program with the caller's environment.

Law: the guard ends the stack unless it is content, whatever becomes of it.
"""

from __future__ import annotations

import pytest

from jitd_inspection.pamlint.gates import GUARDS_FILE
from jitd_inspection.pamlint.linting import lint_host
from tests.pamlint.host import GATE, GUARDED, LOGIN_SHAPE, SECURE, SHARED, SUDO, Texts
from tests.pamlint.host import GUARD as EXEC

ROOT = "account [success=4 default=ignore] pam_rootok.so\n"
GUARD = f"account [success=1 default=ignore] {EXEC}\n"
DENY = "account requisite pam_deny.so\n"
MEMBERS = "account [success=%d default=ignore] pam_succeed_if.so quiet user ingroup ops\n"
ASK = f"account [success=1 default=ignore] {GATE}\n"


@pytest.mark.parametrize(
    ("service", "stack", "is_guarded"),
    [
        ("sudo", ROOT + GUARD + DENY + ASK + DENY, True),
        ("su", ROOT + GUARD + DENY + ASK + DENY, True),
        ("doas", ROOT + GUARD + DENY + ASK + DENY, True),
        ("sudo", "account [success=2 default=ignore] pam_rootok.so\n" + ASK + DENY, False),
        ("su", "account [success=2 default=ignore] pam_rootok.so\n" + ASK + DENY, False),
        ("su", GUARD + ASK + DENY, False),
        ("su", f"account [success=1 default=die] {EXEC}\n" + DENY + ASK + DENY, False),
        ("su", f"account [success=2 default=ignore] {EXEC}\n" + DENY + ASK + DENY, False),
        ("su", f"account optional {EXEC}\n" + DENY + ASK + DENY, False),
        ("su", GUARD + "account optional pam_deny.so\n" + ASK + DENY, False),
        ("su", GUARD + "account requisite pam_permit.so\n" + ASK + DENY, False),
        ("su", ASK + DENY + GUARD + DENY, False),
        ("su", GUARD.replace("pam_guard.py", "other.py") + DENY + ASK + DENY, False),
        ("sudo", ROOT + GUARD.replace(".py\n", ".py secure_path\n") + DENY + ASK + DENY, True),
        ("su", ROOT + GUARD.replace(".py\n", ".py secure_path\n") + DENY + ASK + DENY, False),
        ("doas", ROOT + GUARD.replace(".py\n", ".py secure_path\n") + DENY + ASK + DENY, False),
        ("su", ROOT + GUARD.replace("seteuid ", "") + DENY + ASK + DENY, False),
        ("su", ROOT + GUARD.replace("/usr/bin/python3 -IS ", "") + DENY + ASK + DENY, False),
        ("su", ROOT + GUARD.replace(EXEC, "pam_exec.so pam_guard.py") + DENY + ASK + DENY, False),
        ("su", ROOT + GUARD.replace("-IS", "-S") + DENY + ASK + DENY, False),
        ("su", ROOT + GUARD.replace("/usr/bin/python3", "/usr/local/bin/python3") + DENY + ASK + DENY, False),
        ("su", ROOT + GUARD.replace("/usr/lib/jitd/jitpam", "/tmp") + DENY + ASK + DENY, False),
        ("su", MEMBERS % 3 + ROOT + GUARD + DENY + ASK + DENY, False),
        ("su", MEMBERS % 2 + ROOT + GUARD + DENY + ASK + DENY, True),
        ("login", LOGIN_SHAPE, True),
        ("su", "account [success=2 default=ignore] pam_rootok.so\n" + ASK.replace(GATE, "pam_jit.so") + DENY, True),
        ("su", "account [success=3 default=ignore] pam_rootok.so\n" + ASK.replace(GATE, "pam_jit.so") + ASK + DENY, False),
    ],
)
def test_a_program_that_people_start_needs_a_guard(service: str, stack: str, is_guarded: bool) -> None:
    """THREATS P-11."""
    files = {f"/etc/pam.d/{name}": text for name, text in SHARED.items()}
    files |= {f"/etc/pam.d/{service}": stack + SUDO, "/etc/sudoers": SECURE}
    found = [finding.name for finding in lint_host(Texts(files))]
    assert ("no-guard" not in found) is is_guarded, found


@pytest.mark.parametrize(("because", "name"), [("anybody can change it", "file-open"), ("missing", "gate-missing")])
def test_the_guards_own_file_is_looked_at(because: str, name: str) -> None:
    files: dict[str, str | bytes] = {f"/etc/pam.d/{name}": text for name, text in SHARED.items()}
    files |= {"/etc/pam.d/su": GUARDED + SUDO, "/etc/sudoers": SECURE}
    assert name not in [finding.name for finding in lint_host(Texts(files))]
    assert name in [finding.name for finding in lint_host(Texts(files, {GUARDS_FILE: because}))]
