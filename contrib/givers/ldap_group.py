#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""A giver: membership of a group in a directory, by LDAP: FreeIPA, Active Directory, OpenLDAP (jitd.toml: kind = "program").

ldap_group.py give|take|look --uri URI --group DN --people DN [--attribute NAME] [--mechanism NAME] [--keytab FILE]
Law: the group is for jitd alone, and has no member that jitd has not made; what it may do, it may by being a member of the group
that is meant. So nobody's own membership is ever taken. What was done is what a search finds afterwards, and not what the server
says of the change. Sources: ldapmodify(1), ldapsearch(1), RFC 4511, RFC 4515 section 3.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import subprocess
import sys
from collections.abc import Sequence

MODIFY, SEARCH = "/usr/bin/ldapmodify", "/usr/bin/ldapsearch"
ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}(\$|@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?")
SECONDS = 10


class NotDone(Exception):
    """The text says why, and what to do."""


class Directory:
    """One server, and what jitd may change there."""

    def __init__(self, settings: argparse.Namespace) -> None:
        self._settings = settings
        self._environment = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "KRB5CCNAME": "MEMORY:ldap_group"}
        if settings.keytab:
            self._environment["KRB5_CLIENT_KTNAME"] = f"FILE:{settings.keytab}"

    def person(self, account: str) -> str:
        """Return the name (DN) of the person with ``account``; empty if there is none. Raises NotDone."""
        found = self._search(self._settings.people, "sub", f"({self._settings.attribute}={_escaped(account)})")
        if len(found) > 1:
            raise NotDone(f"{len(found)} entries below {self._settings.people} have the account {account}: narrow --people")
        return found[0] if found else ""

    def is_member(self, person: str) -> bool:
        """True if ``person`` is a member of the group. Raises NotDone."""
        return bool(self._search(self._settings.group, "base", f"(member={_escaped(person)})"))

    def change(self, how: str, person: str) -> str:
        """Have ``person`` added to the group or deleted from it. Return what the server says if it does not want to."""
        lines = (_line("dn", self._settings.group), "changetype: modify", f"{how}: member", _line("member", person))
        done = self._run(MODIFY, stdin="\n".join(lines) + "\n")
        return done.stderr.strip().rpartition("\n")[2][:200] if done.returncode and done.stderr.strip() else ""

    def _search(self, base: str, scope: str, wanted: str) -> list[str]:
        done = self._run(SEARCH, "-LLL", "-o", "ldif-wrap=no", "-b", base, "-s", scope, wanted, "1.1")
        if done.returncode:
            raise NotDone(f"{self._settings.uri} does not answer what {base} has: {done.stderr.strip()[:200]}")
        return [_name(line) for line in done.stdout.split("\n") if line.startswith("dn:")]

    def _run(self, program: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        # -N: the server is the one that --uri names, whatever name its address has in the DNS.
        line = [program, "-Q", "-N", "-Y", self._settings.mechanism, "-H", self._settings.uri, *words]
        try:
            return subprocess.run(line, input=stdin, env=self._environment, capture_output=True, text=True, check=False,
                                  timeout=SECONDS)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise NotDone(f"{program} cannot be run, or does not end: {fault}") from None


def _escaped(value: str) -> str:
    """Return ``value`` as a filter may have it (RFC 4515 section 3)."""
    return "".join(f"\\{ord(c):02x}" if c in "\\*()\0" else c for c in value)


def _line(name: str, value: str) -> str:
    """Return a line of LDIF (RFC 2849)."""
    return f"{name}:: {base64.b64encode(value.encode()).decode('ascii')}"


def _name(line: str) -> str:
    """Return the name in a line ``dn: …`` or ``dn:: …`` of LDIF."""
    value = line.removeprefix("dn:")
    return base64.b64decode(value[1:].strip()).decode() if value.startswith(":") else value.strip()


def give(directory: Directory, account: str) -> dict[str, str]:
    """Make the person a member. Raises NotDone."""
    person = directory.person(account)
    if not person:
        raise NotDone(f"the directory has nobody with the account {account}")
    why = "" if directory.is_member(person) else directory.change("add", person)
    if not directory.is_member(person):
        raise NotDone(f"the directory does not take {person} into the group: {why}")
    return {"said": "given", "tell": "the directory has you in the group; log in anew, so that hosts see it"}


def take(directory: Directory, account: str) -> dict[str, str]:
    """End the membership. Raises NotDone."""
    person = directory.person(account)
    if not person:
        return {"said": "taken", "left": f"the directory has nobody with the account {account} any more: look into the group"}
    why = directory.change("delete", person) if directory.is_member(person) else ""
    if directory.is_member(person):
        raise NotDone(f"the directory does not take {person} out of the group: {why}")
    return {"said": "taken", "left": "a session that has the group keeps it until its end"}


def look(directory: Directory, account: str) -> dict[str, str]:
    """Say whether the membership is there. Raises NotDone."""
    person = directory.person(account)
    if person and directory.is_member(person):
        return {"said": "stands"}
    return {"said": "gone", "because": f"the group does not have {account} any more"}


DEEDS = {"give": give, "take": take, "look": look}


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Gives membership of a group in a directory. jitd runs it.")
    parser.add_argument("deed", choices=DEEDS)
    parser.add_argument("--uri", required=True, help="ldaps://ipa.example.org")
    parser.add_argument("--group", required=True, help="the name (DN) of the group that is jitd's alone")
    parser.add_argument("--people", required=True, help="the name (DN) below which people are")
    parser.add_argument("--attribute", default="uid", help="what has a person's account: see groups.toml")
    parser.add_argument("--mechanism", default="GSSAPI", help="how jitd proves who it is there (SASL)")
    parser.add_argument("--keytab", default="", help="the key for that, which jitd-programs-net may read")
    settings = parser.parse_args(words)
    try:
        account = json.loads(sys.stdin.read())["account"]
        if not isinstance(account, str) or not ACCOUNT.fullmatch(account):
            raise NotDone("this is not the name of an account that a directory has")
        said = DEEDS[settings.deed](Directory(settings), account)
    except (NotDone, ValueError, KeyError, TypeError) as fault:
        said = {"said": "failed", "because": str(fault)}
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
