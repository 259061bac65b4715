# SPDX-License-Identifier: Apache-2.0
"""The rules of sudoers, as cvtsudoers(1), a program of sudo itself, writes them in LDIF (sudoers.ldap(5))."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

CONVERT = ("/usr/bin/cvtsudoers", "-c", "/dev/null", "-e", "-f", "ldif", "-b", "ou=sudoers")
EXPAND = (*CONVERT[:4], "-f", "sudoers")  # the same, in the form of sudoers
NOTHING = "!ALL"  # the command that takes every command away


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the LDIF that cvtsudoers writes (sudoers.ldap(5)). Each value is as in sudoers, without aliases."""

    name: str
    users: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    run_as: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    order: float = 0.0

    @property
    def content(self) -> tuple[tuple[str, ...], ...]:
        """All but the name, which cvtsudoers makes of the number of rules."""
        parts = (self.users, self.hosts, self.run_as, self.groups, self.commands, self.options, self.times)
        return tuple(map(tuple, parts))

    @property
    def given(self) -> list[str]:
        """The commands that the rule gives. What stands before the last ``!ALL`` of a rule is not given."""
        rest = (
            self.commands[len(self.commands) - self.commands[::-1].index(NOTHING) :]
            if NOTHING in self.commands
            else self.commands
        )
        return [word for word in rest if not word.startswith("!") and word != "list"]

    def takes_from(self, other: Rule) -> bool:
        """True if this rule, after ``other``, surely takes from its ``users`` what that gives: sudo obeys the last match."""
        words = (*self.hosts, *self.users, *self.run_as, *self.groups)
        covers_users = self.run_as in (other.run_as, ["ALL"])
        covers_groups = not other.groups or self.groups in (other.groups, ["ALL"])
        is_everywhere = "ALL" in self.hosts and not self.times and not any(word.startswith("!") for word in words)
        return NOTHING in self.commands and is_everywhere and covers_users and covers_groups


def rules_of(ldif: bytes) -> Iterator[Rule]:
    """Yield the rules in the output of ``cvtsudoers -f ldif``. Raises ValueError if a value is not base64."""
    for values in _entries(ldif):
        if "sudoUser" in values:
            names = ("sudoUser", "sudoHost", "sudoRunAsUser", "sudoRunAsGroup", "sudoCommand", "sudoOption")
            parts = [values.get(name, []) for name in names]
            parts.append(values.get("sudoNotBefore", []) + values.get("sudoNotAfter", []))
            order = float(values.get("sudoOrder", ["0"])[0])
            yield Rule(values.get("cn", [""])[0], *parts, order=order)  # type: ignore[misc,arg-type]  # there are seven parts


def settings_of(ldif: bytes) -> list[str]:
    """Return the settings for all rules, such as ``env_reset``. Raises ValueError if a value is not base64."""
    return [one for values in _entries(ldif) if "sudoUser" not in values for one in values.get("sudoOption", [])]


def _entries(ldif: bytes) -> Iterator[dict[str, list[str]]]:
    """Yield the values of each entry by the names of its attributes. Source: RFC 2849."""
    for entry in re.split(r"\n{2,}", ldif.decode("utf-8", "surrogateescape").replace("\n ", "")):
        values: dict[str, list[str]] = {}
        for line in entry.split("\n"):
            name, colon, value = line.partition(":")
            if value.startswith(":"):
                value = base64.b64decode(value[1:]).decode("utf-8", "surrogateescape")
            if colon:
                values.setdefault(name, []).append(value.strip(" "))
        yield values
