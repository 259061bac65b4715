# SPDX-License-Identifier: Apache-2.0
"""Checks of tickets for services. A KDC with a gate issues a ticket for a service only if there is a grant. The checks test that
jitd-kdc can write grants to the KDC's database, and that the gate of each KDC is on.

Law: the checks send real questions to jitd-kdc and to the KDCs, but none of these questions grants a ticket. A host without a
keytab for jitd-kdc grants no tickets.
"""

from __future__ import annotations

import asyncio
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jitd import extensions
from jitd.beside.processes import KDC
from jitd_inspection.doctor.finding import Result, bad, ok, unknown, weak
from jitd_inspection.doctor.host import Host

if TYPE_CHECKING:
    from jitd_gates.messages import Answer

KEYTAB = Path("/etc/jitd/jitd-kdc.keytab")
PAGE = "docs/kdc.md"
WITHIN = 4.0  # seconds for a question to the KDCs or to jitd-kdc: less than an examination has


def examine(host: Host, services: Sequence[str] = ()) -> Iterator[Result]:
    """Yield the findings about the keytab of jitd-kdc, the process jitd-kdc, the gate of each KDC, and the gate of each service.
    ``services`` are the principals for which rules of this host give tickets.
    """
    if not KEYTAB.exists():
        yield absent(str(KEYTAB))
        return
    yield _key()
    if why := extensions.why_not("gates"):
        yield unused(why)
        return
    from jitd_gates.gates import gate_states
    from jitd_gates.messages import Failed, Grants, Refused
    from jitd_gates.strings import canary

    asked = canary(host.config.host, host.realm)
    sightings = asyncio.run(gate_states(host.service, host.config.keytab, [asked], within=WITHIN))
    for each in sightings:
        yield gate(each.kdc, each.state, each.why)
    for name, said in asyncio.run(_looked(host, [asked, *services])):
        if name == asked:  # refused, because nobody may grant a canary. But this answer proves that kadmind was queried
            yield writer(said.why if isinstance(said, Failed) else None)
        elif isinstance(said, Grants):
            yield service(name, said.approval)
        elif isinstance(said, Refused):
            yield ungrantable(name, said.why)


async def _looked(host: Host, services: Sequence[str]) -> list[tuple[str, Answer]]:
    from jitd_gates.messages import Look
    from jitd_gates.settings import GateSection
    from jitd_gates.writer import Writer

    through = Writer(host.config.of(GateSection).kdc, patience=WITHIN)
    try:
        return [(name, await through.look(Look(name))) for name in services]
    finally:
        through.close()


def _key() -> Result:
    status = KEYTAB.stat()
    try:
        account = pwd.getpwnam(KDC.account)
    except KeyError:
        return key(str(KEYTAB), None, status.st_uid, status.st_mode)
    return key(str(KEYTAB), account.pw_uid, status.st_uid, status.st_mode)


# --- what it means -------------------------------------------------------------------------------------------------------


def absent(keytab: str) -> Result:
    """Return the finding that jitd-kdc has no keytab."""
    return ok("gate.writer", f"this host grants no tickets for services: there is no {keytab}")


def unused(why: str) -> Result:
    """Return the finding that this host is set up to grant tickets, and cannot. ``why`` is the reason."""
    return bad("gate.writer", f"no ticket for a service can be granted: the extension gates {why}", "install it in /usr/lib/jitd")


def key(keytab: str, account: int | None, owner: int, mode: int) -> Result:
    """Judge the file of the keytab. ``account`` is the uid of the account jitd-kdc, or None if the account does not exist.
    ``owner`` and ``mode`` are the owner and the mode of the file.
    """
    check = "gate.keytab"
    if account is None:
        return bad(check, "there is no account jitd-kdc, which the writer of grants runs as", "make install makes it")
    if owner not in (account, 0) or mode & 0o077:
        said = f"{keytab} is open to others than jitd-kdc: anyone who reads it can grant tickets"
        return bad(check, said, "then make a new key, see docs/kdc.md", command=f"chown jitd-kdc: {keytab}; chmod 600 {keytab}")
    if owner != account:
        return bad(check, f"jitd-kdc cannot read {keytab}: nothing is granted", command=f"chown jitd-kdc: {keytab}")
    return ok(check, f"only jitd-kdc can read {keytab}")


def writer(failure: str | None) -> Result:
    """Judge jitd-kdc. ``failure`` is the reason why jitd-kdc could not query kadmind, or None if the query was successful."""
    if failure is None:
        return ok("gate.writer", "jitd-kdc answers, and so does kadmind")
    mend = f"see journalctl -u jitd-helper@kdc, and {PAGE}"
    return bad("gate.writer", f"no ticket for a service can be granted: {failure}", mend)


def gate(kdc: str, state: str, why: str) -> Result:
    """Judge a KDC's answer to a request for a ticket of the canary, for which nobody has a grant: its gate's ``state`` is on,
    off, or silent.
    """
    check = f"gate.{kdc}"
    if state == "on":
        return ok(check, f"the KDC {kdc} refuses tickets that nobody has granted")
    if state == "off":
        said = f"the gate of the KDC {kdc} is OFF: {why}; anybody who asks it gets a ticket for every gated service"
        return bad(check, said, f"load the module there and restart krb5kdc: {PAGE}, Missing is open")
    said = f"it is not known whether the gate of the KDC {kdc} is on: {why}"
    return unknown(check, said, "see that the KDC runs, and run: jitd kdc check")


def service(name: str, approval: str) -> Result:
    """Judge the gate of a service for which this host may grant tickets. ``approval`` is the string ``jit_approval`` of the
    service's principal, or an empty text if the principal has no such string.
    """
    check = f"gate.{name}"
    if approval == "required":
        return ok(check, f"tickets for {name} are gated")
    if approval == "":
        return bad(check, f"{name} is not gated: anybody gets a ticket for it", f"on the KDC: jitd kdc gate {name}")
    if approval == "log":
        said = f"{name} is gated with --log: the KDC issues every ticket, and only logs which tickets it would refuse"
        return bad(check, said, f"on the KDC: jitd kdc gate {name}")
    said = f"{name} has a jit_approval that is neither required nor log; the KDC treats it as required"
    return weak(check, said, f"on the KDC: jitd kdc gate {name}")


def ungrantable(name: str, why: str) -> Result:
    """Return a finding about the service ``name``. A rule gives tickets for this service, but this host may not grant them."""
    return bad(f"gate.{name}", f"no ticket for {name} can be granted: {why}", f"on the KDC: jitd kdc gate {name} --granted-by …")
