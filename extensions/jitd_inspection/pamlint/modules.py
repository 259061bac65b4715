# SPDX-License-Identifier: Apache-2.0
"""Finds the possible answers of each module. The answers depend on the caller and on the target account (``World``). Law: an
unknown module may give any answer. Every module may be missing, so ``module_unknown`` is always a possible answer.
"""

from __future__ import annotations

import fnmatch
from typing import NamedTuple

from jitd.hosts.control import (
    AUTH_ERR,
    AUTHTOK_ERR,
    AUTHTOK_EXPIRED,
    IGNORED,
    INCOMPLETE,
    MODULE_UNKNOWN,
    OUTSIDE,
    SERVICE_ERR,
    SESSION_ERR,
    SUCCESS,
    USER_UNKNOWN,
)
from jitd.hosts.stack import Handler

ANYTHING = frozenset(range(INCOMPLETE)) | {OUTSIDE}  # after PAM_INCOMPLETE, libpam always ends the stack with a denial
WELL = frozenset({SUCCESS, IGNORED})  # the answers that a module gives if there is no fault
DENIALS = {"auth": AUTH_ERR, "account": AUTH_ERR, "password": AUTHTOK_ERR, "session": SESSION_ERR}
"""The answer of pam_deny.so for each PAM kind."""
NO_PASSWORDS = frozenset(
    f"pam_{name}.so"
    for name in (
        "access", "cap", "debug", "echo", "env", "exec", "faildelay", "faillock", "group", "issue", "keyinit", "lastlog",
        "limits", "listfile", "localuser", "loginuid", "mail", "motd", "namespace", "nologin", "securetty", "selinux", "shells",
        "systemd", "tally2", "time", "umask", "warn", "wheel",
    )
)  # fmt: skip
"""Modules that do not check passwords. Therefore these modules never answer that a password has expired."""
FLAGS = ("debug", "use_uid", "quiet", "quiet_fail", "quiet_success", "audit")
PERSONS = ("1000", "1001", "2000", "59999", "60001", "1200001113")  # uids. What a condition says of all, it says of all people
SOMEBODY = {"uid": ("1001", "1002"), "gid": ("1001", "1002"), "shell": ("/bin/bash",), "home": ("/home/somebody",)}
"""Values of a person who is not named in any condition. If a condition is true for this person, it is true for nearly everybody.
One example is the condition ``user != backup``.
"""
NEGATED = ("notingroup", "notinnetgr")


class World(NamedTuple):
    """The caller of the program, and the account in PAM_USER. ``caller_is_root`` is True if the real uid is 0. In sshd, login and
    cron, the real uid is always 0. ``user_is_root`` is True if PAM_USER is root.
    """

    service: str
    caller_is_root: bool
    user_is_root: bool


def answers(handler: Handler, world: World, *, lets_exempt: bool = True) -> frozenset[int]:
    """Return the possible answers of the module. If ``lets_exempt`` is False, a condition that is true only for some people is
    treated as false for everybody.
    """
    match handler.name:
        case "pam_permit.so":
            known = {SUCCESS}
        case "pam_deny.so":
            known = {DENIALS[handler.kind]}
        case "pam_rootok.so":  # pam_rootok.so has no function for sessions
            known = set() if handler.kind == "session" else {SUCCESS if world.caller_is_root else AUTH_ERR}
        case "pam_succeed_if.so":
            known = _conditions(handler.arguments, world, lets_exempt=lets_exempt)
        case name if name in NO_PASSWORDS:
            return ANYTHING - {AUTHTOK_EXPIRED}
        case _:
            return ANYTHING
    return frozenset(known | {MODULE_UNKNOWN})


def answers_where_all_is_well(handler: Handler, world: World) -> frozenset[int]:
    """Return the answers of the module if it is installed and has no fault."""
    known = answers(handler, world)
    return WELL if known >= ANYTHING - {AUTHTOK_EXPIRED} else known - {MODULE_UNKNOWN} or known


def is_about_root(handler: Handler) -> bool:
    """True if the purpose of the line is to admit root."""
    if handler.name == "pam_rootok.so":
        return True
    words = [word for word in handler.arguments if word not in FLAGS]
    return handler.name == "pam_succeed_if.so" and words[:1] in (["uid"], ["user"]) and words[-1:] in (["0"], ["root"], ["1"])


def asks_for_caller(handler: Handler) -> bool:
    """True if the module checks the real uid, and not PAM_USER."""
    return handler.name == "pam_rootok.so" or "use_uid" in handler.arguments


def _conditions(arguments: tuple[str, ...], world: World, *, lets_exempt: bool) -> set[int]:
    """Return the possible answers of pam_succeed_if.so. The module succeeds if all its conditions are true."""
    words = [word for word in arguments if word not in FLAGS]
    is_root = world.caller_is_root if "use_uid" in arguments else world.user_is_root
    if len(words) % 3:  # the module first checks the complete conditions, and then fails, whatever their result is
        return {SERVICE_ERR, AUTH_ERR, USER_UNKNOWN}
    some, most = False, True
    for left, how, right in zip(words[::3], words[1::3], words[2::3], strict=True):
        holds = _holds(left.lower(), how.lower(), right, world.service, is_root=is_root)
        if holds is False:
            return {AUTH_ERR, SERVICE_ERR, USER_UNKNOWN}
        if holds is None:
            some, most = True, most and _holds_for_most(left.lower(), how.lower(), right)
    if not some:
        return {SUCCESS}
    met = {SUCCESS} if lets_exempt or most else set()
    return {AUTH_ERR, SERVICE_ERR, USER_UNKNOWN} | met


def _holds(left: str, how: str, right: str, service: str, *, is_root: bool) -> bool | None:
    """Return whether a condition is true. Return None if the result depends on the person."""
    if left == "service":
        return _compared(service, how, right)
    if left == "uid":
        told = {_compared(uid, how, right) for uid in (("0",) if is_root else PERSONS)}
        return told.pop() if len(told) == 1 else None
    if left in ("user", "login", "name"):
        holds = _compared("root", how, right)
        if is_root or holds is None:
            return holds
        names = right.split(":")
        if how in ("=", "in") and set(names) <= {"root"}:
            return False
        if how in ("!=", "notin") and set(names) <= {"root"}:
            return True
    return None


def _holds_for_most(left: str, how: str, right: str) -> bool:
    """True for a person whom no condition names. Only for a condition whose result depends on the person."""
    return how in NEGATED or all(_compared(value, how, right) for value in SOMEBODY.get(left, ("somebody",)))


def _compared(value: str, how: str, right: str) -> bool | None:
    if how in ("=", "!="):
        return (value == right) is (how == "=")
    if how in ("=~", "glob", "!~", "noglob"):
        return fnmatch.fnmatchcase(value, right) is (how in ("=~", "glob"))
    if how in ("in", "notin"):
        return (value in right.split(":")) is (how == "in")
    if how in ("ingroup", "notingroup", "innetgr", "notinnetgr"):
        return None
    try:
        number, bound = int(value), int(right)
    except ValueError:
        return False
    match how:
        case "<" | "lt":
            return number < bound
        case "<=" | "le":
            return number <= bound
        case ">" | "gt":
            return number > bound
        case ">=" | "ge":
            return number >= bound
        case "eq":
            return number == bound
        case "ne":
            return number != bound
    return False
