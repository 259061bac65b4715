# SPDX-License-Identifier: Apache-2.0
"""What is known of the programs that ask PAM: which answers they obey, and as whom they ask. Law: pure; measured, not supposed.

The real uid within a set-uid program is the caller's; within a daemon it is root's, and says nothing of who comes.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.pamlint.control import AUTHTOK_EXPIRED, NEW_AUTHTOK_REQD, SUCCESS
from jitd.pamlint.modules import World

SERVICES = ("sudo", "sudo-i", "su", "su-l", "doas", "sshd", "login", "cron", "runuser", "runuser-l", "other")
"""The services whose files are read where none is named."""
FRAGMENT = ("common-", "system-auth", "password-auth", "system-login", "postlogin")
"""How files begin that are nobody's service, and are included by many."""
PAIRS = (("sudo", "sudo-i"), ("su", "su-l"))
"""The same program, which asks another service with -i or - and is as good as the first."""


@dataclass(frozen=True, slots=True)
class Service:
    """``obeyed``: the kinds of which a denial ends it. ``why_not``: what becomes of the others, in words."""

    obeyed: tuple[str, ...] = ("account", "session")
    why_not: str = "that a service asks that at all is not known"
    is_daemon: bool = False
    is_setuid: bool = False
    user_is_target: tuple[str, ...] = ()
    """The kinds in which PAM_USER is whom one becomes, and not who asks."""
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
    why_not="su asks it never, or not before it is too late",
    is_setuid=True,
    user_is_target=("auth", "account", "session", "password"),
    root_is="root's own su ends where jitd does not answer: su does not skip account for root",
)
RUNUSER = Service(
    obeyed=("session",),
    why_not="runuser opens a session and asks nothing else",
    is_daemon=True,
    root_is="runuser is for root alone, and services are started by it: they do not start where jitd does not answer",
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
        why_not="login -f, which logs people in by itself at a console, skips authenticate",
        is_daemon=True,
        root_is="root cannot log in at the console when jitd is down, and nothing else is left then",
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
    """What is known of ``service``."""
    return KNOWN.get(service, UNKNOWN)


def is_fragment(service: str) -> bool:
    """True for a file that services include."""
    return service.startswith(FRAGMENT)


def results_that_admit(service: str, kind: str) -> frozenset[int]:
    """What a program takes for a yes: of accounts also that the password has to be changed, which its user then does."""
    if kind != "account" or service == "cron":
        return frozenset({SUCCESS})
    if facts(service) in (SUDO, UNKNOWN):  # under NOPASSWD sudo passes over a password that can be changed no more
        return frozenset({SUCCESS, NEW_AUTHTOK_REQD, AUTHTOK_EXPIRED})
    return frozenset({SUCCESS, NEW_AUTHTOK_REQD})


def worlds_of_people(service: str, kind: str, *, user_may_be_target: bool) -> list[World]:
    """What the modules see when a person asks whose request has to go to jitd. ``user_may_be_target``: sudoers says so."""
    known = facts(service)
    if known is RUNUSER:
        return []
    if known is UNKNOWN:  # a daemon or set-uid: it has to be closed as either
        return [World(service, False, False), World(service, True, False)]
    worlds = [World(service, known.is_daemon, False)]
    if kind in known.user_is_target or (known is SUDO and user_may_be_target):
        worlds.append(World(service, known.is_daemon, True))
    return worlds


def worlds_of_root(service: str, kind: str) -> list[World]:
    """How it looks to them when root does."""
    worlds = [World(service, True, True)]
    if kind in facts(service).user_is_target or facts(service) is RUNUSER:
        worlds.append(World(service, True, False))
    return worlds
