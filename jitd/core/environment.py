# SPDX-License-Identifier: Apache-2.0
"""The environment of the command. At first this environment is empty (THREATS section 4).

Law: there are only two cases in which the command gets a variable of the caller. Either this module lists the variable's name and
checks its value, or the rule allows the name.
"""

from __future__ import annotations

import re

from jitd.core.command import Command, Pairs
from jitd.core.conditions import may_come_along
from jitd.core.spelling import spelled
from jitd.core.subject import Subject
from jitd.core.toml_table import quoted

_LOCALE_NAME = re.compile(rb"TERM|COLORTERM|LANG|LANGUAGE|LC_[A-Z]{1,20}|TZ|LS_COLORS")
_LOCALE_VALUE = re.compile(rb"[A-Za-z0-9_.,:@+-]{0,64}")
_COLOURS = re.compile(rb"(?:(?:(?!lc|rc|ec|cl)[a-z]{2}|\*[A-Za-z0-9._~#%@,+-]{1,32})=[0-9;]{0,16}(?::|\Z)){0,512}")
"""The colours of ls(1), as dircolors(1) makes them. Of its two-letter names, lc, rc, ec and cl would write any text."""
_ZONE = re.compile(rb":?(/usr/share/zoneinfo/)?[A-Za-z0-9_+<-][A-Za-z0-9_.,:+/<>-]{0,63}")
_OTHERS = {b"TZ": _ZONE, b"LS_COLORS": _COLOURS}
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,255}")
_OURS = re.compile(rb"SUDO_(USER|UID|GID|COMMAND)|JITSUDO_.*")

SUDO_COMMAND_LIMIT = 4096  # bytes of the arguments in it, as in sudo. It is for scripts and logs, and never used for a decision


def fault_in_locale(pairs: Pairs) -> str | None:
    """Return a sentence about a fault in the locale variables ``pairs``, kept if their values are harmless, or None."""
    for name, value in pairs:
        if not _LOCALE_NAME.fullmatch(name):
            return "a variable was sent that is not one of TERM, COLORTERM, LANG, LANGUAGE, LC_*, TZ, LS_COLORS"
        pattern = _OTHERS.get(name, _LOCALE_VALUE) if value else _LOCALE_VALUE
        if not pattern.fullmatch(value) or b".." in value:
            return f"{name.decode()} has a value that jitd does not accept"
    return _fault_in_names(pairs)


def fault_in_variables(pairs: Pairs) -> str | None:
    """Return a sentence about a fault in typed or preserved variables ``pairs``, by the same check for every rule, or None."""
    for name, value in pairs:
        if not _NAME.fullmatch(name):
            return f"{quoted(spelled(name))}: a variable's name must be letters, digits and underscores"
        if _OURS.fullmatch(name):
            return f"{name.decode()} is set by jitd itself"
        if value.startswith(b"() {") or b"\0" in value:
            return f"{name.decode()} has a value that no variable may have"
    return _fault_in_names(pairs)


def split_locale(typed: Pairs, locale: Pairs) -> tuple[Pairs, Pairs]:
    """Return the ``typed`` variables that a rule must allow, and those that need no rule: those of ``locale``, and typed ones of
    the locale with harmless values.
    """
    by_value = tuple(pair for pair in typed if fault_in_locale((pair,)) is None)
    names = {name for name, _ in by_value}
    return tuple(p for p in typed if p not in by_value), (*(p for p in locale if p[0] not in names), *by_value)


def let_in(preserved: Pairs, command: Command, env: tuple[str, ...]) -> Pairs:
    """Return the variables of ``command``, and more variables from ``preserved``. A preserved variable is added if ``env`` names
    the variable, ``command`` does not contain the variable, and the variable has no fault.
    """
    known = {name for name, _ in (*command.variables, *command.locale)}
    more = (pair for pair in preserved if pair[0] not in known and may_come_along(pair[0], env))
    return (*command.variables, *(pair for pair in more if fault_in_variables((pair,)) is None and not pair[1].startswith(b"()")))


def _fault_in_names(pairs: Pairs) -> str | None:
    names = [name for name, _ in pairs]
    return "a variable is given twice" if len(set(names)) != len(names) else None


def environment(command: Command, requester: Subject, request_id: str, home: bytes, shell: bytes, path: bytes) -> Pairs:
    """Return the environment in order. ``home`` and ``shell`` are the target account's, and ``path`` is jitd's own."""
    user = command.run_as.user.encode()
    out = {
        b"HOME": home,
        b"USER": user,
        b"LOGNAME": user,
        b"SHELL": shell,
        b"MAIL": b"/var/mail/" + user,
        b"PATH": path,
        b"TERM": b"unknown",
    }
    out.update(command.locale)
    out.update(command.variables)
    out[b"SUDO_USER"] = requester.user.encode()
    out[b"SUDO_UID"] = b"%d" % requester.uid
    out[b"SUDO_GID"] = b"%d" % requester.gid
    arguments = b" ".join(command.argv[1:])[:SUDO_COMMAND_LIMIT]
    out[b"SUDO_COMMAND"] = command.path + b" " + arguments if len(command.argv) > 1 else command.path
    out[b"JITSUDO_REQUEST"] = request_id.encode()
    out[b"JITSUDO_PRINCIPAL"] = requester.principal.encode()
    return tuple(out.items())
