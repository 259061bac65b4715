# SPDX-License-Identifier: Apache-2.0
"""Tickets for services: does jitd-kdc write grants, and does each KDC refuse what nobody has granted?

Law: real questions, to jitd-kdc and to the KDCs; nothing is granted by them. A host without a keytab for jitd-kdc grants no
tickets.
"""

from __future__ import annotations

import asyncio
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

from jitd.doctor.finding import Finding, bad, ok, unknown, weak
from jitd.doctor.host import Host
from jitd.kdc.gates import gate_states
from jitd.kdc.messages import Answer, Failed, Grants, Look, Refused
from jitd.kdc.strings import canary
from jitd.kdc.writer import ACCOUNT, Writer

KEYTAB = Path("/etc/jitd/jitd-kdc.keytab")
PAGE = "docs/kdc.md"
WITHIN = 4.0
"""Seconds for each of the two questions: less than the doctor has for an examination."""


def examine(host: Host, services: Sequence[str] = ()) -> Iterator[Finding]:
    """The key, the process, each KDC's gate, and how each of ``services`` (principals that rules here give) is gated."""
    if not KEYTAB.exists():
        yield absent(str(KEYTAB))
        return
    yield _key()
    asked = canary(host.config.host, host.realm)
    sightings = asyncio.run(gate_states(host.service, host.config.keytab, [asked], within=WITHIN))
    for each in sightings:
        yield gate(each.kdc, asked, each.state, each.why)
    for name, said in asyncio.run(_looked(host, [asked, *services])):
        if name == asked:  # refused, because nobody may grant a canary; but kadmind was asked
            yield writer(said.why if isinstance(said, Failed) else None)
        elif isinstance(said, Grants):
            yield service(name, said.approval)
        elif isinstance(said, Refused):
            yield ungrantable(name, said.why)


async def _looked(host: Host, services: Sequence[str]) -> list[tuple[str, Answer]]:
    through = Writer(host.config.kdc, patience=WITHIN)
    try:
        return [(name, await through.look(Look(name))) for name in services]
    finally:
        through.close()


def _key() -> Finding:
    status = KEYTAB.stat()
    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return key(str(KEYTAB), None, status.st_uid, status.st_mode)
    return key(str(KEYTAB), account.pw_uid, status.st_uid, status.st_mode)


# --- what it means -------------------------------------------------------------------------------------------------------


def absent(keytab: str) -> Finding:
    """There is no key for the writer."""
    return ok("gate.writer", f"this host grants no tickets for services: there is no {keytab}")


def key(keytab: str, account: int | None, owner: int, mode: int) -> Finding:
    """``account`` is the uid of jitd-kdc, None if there is no such account; ``owner`` and ``mode`` are the file's."""
    check = "gate.keytab"
    if account is None:
        return bad(check, "there is no account jitd-kdc, which the writer of grants runs as", "make install makes it")
    if owner not in (account, 0) or mode & 0o077:
        said = f"{keytab} is not jitd-kdc's alone: who reads it can grant anybody a ticket"
        return bad(check, said, "then make a new key, see docs/kdc.md", command=f"chown jitd-kdc: {keytab}; chmod 600 {keytab}")
    if owner != account:
        return bad(check, f"jitd-kdc cannot read {keytab}: nothing is granted", command=f"chown jitd-kdc: {keytab}")
    return ok(check, f"only jitd-kdc can read {keytab}")


def writer(failure: str | None) -> Finding:
    """``failure`` is why jitd-kdc could not have kadmind asked; None if it could."""
    if failure is None:
        return ok("gate.writer", "jitd-kdc answers, and so does kadmind")
    return bad("gate.writer", f"no ticket for a service can be granted: {failure}", f"see journalctl -u jitd-kdc, and {PAGE}")


def gate(kdc: str, asked: str, state: str, why: str) -> Finding:
    """What one KDC did that was asked for the canary's ticket: ``state`` is on, off, or silent."""
    check = f"gate.{kdc}"
    if state == "on":
        return ok(check, f"the KDC {kdc} refuses tickets that nobody has granted")
    if state == "off":
        said = f"the gate of the KDC {kdc} is OFF: {why}; anybody who asks it gets a ticket for every gated service"
        return bad(check, said, f"load the module there and restart krb5kdc: {PAGE}, Missing is open")
    return unknown(check, f"whether the gate of the KDC {kdc} is on is not known: {why}", "see that it runs, and jitd kdc check")


def service(name: str, approval: str) -> Finding:
    """How a service that this host may grant is gated: ``approval`` is its string jit_approval, "" where it has none."""
    check = f"gate.{name}"
    if approval == "required":
        return ok(check, f"tickets for {name} are gated")
    if approval == "":
        return bad(check, f"{name} is not gated: anybody gets a ticket for it", f"on the KDC: jitd kdc gate {name}")
    if approval == "log":
        said = f"{name} is gated for show: the KDC issues every ticket, and logs what it would refuse"
        return bad(check, said, f"on the KDC: jitd kdc gate {name}")
    said = f"{name} has a jit_approval that is neither required nor log; the KDC treats it as required"
    return weak(check, said, f"on the KDC: jitd kdc gate {name}")


def ungrantable(name: str, why: str) -> Finding:
    """A service that a rule here gives, and this host may not grant."""
    return bad(f"gate.{name}", f"no ticket for {name} can be granted: {why}", f"on the KDC: jitd kdc gate {name} --granted-by …")
