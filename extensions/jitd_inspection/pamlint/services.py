# SPDX-License-Identifier: Apache-2.0
"""Facts about programs that call PAM. The facts say which answers of PAM a program obeys, and under which account the program
calls PAM. Law: the facts were measured. In a set-user-ID program, the real uid is the uid of the caller. In a daemon, the real
uid is root's uid, so a check of the real uid does not identify the person who logs in.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.hosts.control import AUTHTOK_EXPIRED, NEW_AUTHTOK_REQD, SUCCESS
from jitd_inspection.pamlint.modules import World

SERVICES = ("sudo", "sudo-i", "su", "su-l", "doas", "sshd", "login", "cron", "runuser", "runuser-l", "other")
"""The services that are checked if the command line names no service."""
FRAGMENT = ("common-", "system-auth", "password-auth", "system-login", "postlogin")  # begin the names of files that are included
PAIRS = (("sudo", "sudo-i"), ("su", "su-l"))  # services of one program, the second with -i or -. They give the same powers


@dataclass(frozen=True, slots=True)
class Service:
    """A service. ``obeyed`` contains the PAM kinds in which a denial stops the program. ``why_not`` says why a gate has no effect
    in a PAM kind that is not in ``obeyed``.
    """

    obeyed: tuple[str, ...] = ("account", "session")
    why_not: str = "it is not known whether the program asks PAM for this"
    is_daemon: bool = False
    is_setuid: bool = False
    user_is_target: tuple[str, ...] = ()  # PAM kinds in which PAM_USER is the target, and not who asks
    root_is: str = "root cannot use it any more unless jitd says yes"
    root_must_pass: bool = True


SUDO = Service(
    obeyed=("account",),
    why_not="sudo skips authenticate under NOPASSWD, within the time of a timestamp and for root, ignores setcred, and goes on"
    " where a session is refused with session_err, as pam_deny.so does",
    is_setuid=True,
    root_is="root's own sudo, in scripts and at the console, ends where jitd does not answer",
)
SU = Service(
    obeyed=("auth", "account", "session"),
    why_not="su never asks it, or only when it is too late",
    is_setuid=True,
    user_is_target=("auth", "account", "session", "password"),
    root_is="root's own su ends where jitd does not answer: su does not skip account for root",
)
RUNUSER = Service(
    obeyed=("session",),
    why_not="runuser opens a session and asks nothing else",
    is_daemon=True,
    root_is="runuser is for root alone, and starts services: they do not start where jitd does not answer",
)
KNOWN = {
    "sudo": SUDO,
    "sudo-i": SUDO,
    "doas": Service(
        why_not="doas skips authenticate under nopass and persist, and ignores setcred",
        is_setuid=True,
        user_is_target=("session",),
        root_is="root's own doas ends where jitd does not answer",
    ),
    "su": SU,
    "su-l": SU,
    "sshd": Service(
        why_not="sshd never calls authenticate for GSSAPI and public keys, and ignores setcred",
        is_daemon=True,
        root_is="root cannot come in over ssh unless jitd says yes: when jitd is down, the console is the only way in",
        root_must_pass=False,
    ),
    "login": Service(
        why_not="login -f, the automatic login at a console, skips authenticate",
        is_daemon=True,
        root_is="root cannot log in at the console when jitd is down, and there is no other way in then",
    ),
    "cron": Service(
        obeyed=("account",),
        why_not="cron never authenticates, and a job may have begun when its session is opened",
        is_daemon=True,
        root_is="root's own jobs do not run unless jitd says yes",
    ),
    "runuser": RUNUSER,
    "runuser-l": RUNUSER,
}
UNKNOWN = Service()


def facts(service: str) -> Service:
    return KNOWN.get(service, UNKNOWN)


def is_fragment(service: str) -> bool:
    """True if ``service`` is the name of a file that services include."""
    return service.startswith(FRAGMENT)


def results_that_admit(service: str, kind: str) -> frozenset[int]:
    """Return the results that a program treats as success. In the PAM kind account, one of the results means that the password
    must be changed. The program then lets the user change the password.
    """
    if kind != "account" or service == "cron":
        return frozenset({SUCCESS})
    if facts(service) in (SUDO, UNKNOWN):  # under NOPASSWD, sudo continues even if the password cannot be changed any more
        return frozenset({SUCCESS, NEW_AUTHTOK_REQD, AUTHTOK_EXPIRED})
    return frozenset({SUCCESS, NEW_AUTHTOK_REQD})


def worlds_of_people(service: str, kind: str, *, user_may_be_target: bool) -> list[World]:
    """Return the cases (caller and PAM_USER) in which the person who calls the program needs jitd's permission.
    ``user_may_be_target`` is true if settings of sudoers put the target account into PAM_USER.
    """
    known = facts(service)
    if known is RUNUSER:
        return []
    if known is UNKNOWN:  # the program may be a daemon or set-user-ID, and the gate must be effective in both cases
        return [World(service, False, False), World(service, True, False)]
    worlds = [World(service, known.is_daemon, False)]
    if kind in known.user_is_target or (known is SUDO and user_may_be_target):
        worlds.append(World(service, known.is_daemon, True))
    return worlds


def worlds_of_root(service: str, kind: str) -> list[World]:
    """Return the cases (caller and PAM_USER) in which root calls the program."""
    worlds = [World(service, True, True)]
    if kind in facts(service).user_is_target or facts(service) is RUNUSER:
        worlds.append(World(service, True, False))
    return worlds
