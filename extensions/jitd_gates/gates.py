# SPDX-License-Identifier: Apache-2.0
"""Checks that each KDC refuses tickets that nobody has granted. A KDC does not say whether it has loaded the plugin that refuses
such tickets. Therefore jitd must request such a ticket as a test.

Law: the state of a gate is ON only if the KDC has refused a ticket by policy. If the KDC has issued the ticket, the state is OFF.
In all other cases (no answer, another error, no such service, a fault of jitd) the state is SILENT, which proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jitd.extensions import why_not
from jitd.packages import places
from jitd_gates.askers import ASK, SEEN, Ask
from jitd_gates.asking import PATIENCE
from jitd_gates.strings import SILENT, Sighting

PROGRAM = "import sys; sys.path += sys.argv[1:]; from jitd_gates.asking import main; raise SystemExit(main())"
WITHIN = PATIENCE + 5.0  # seconds after which the process that asks the KDCs is killed
SHARE = 0.75  # the part of `within` that the KDCs have, and at most PATIENCE: the process has the rest to start and to write


async def gate_states(
    client: str, keytab: Path, services: Sequence[str], *, kdcs: Sequence[str] = (), within: float = WITHIN
) -> tuple[Sighting, ...]:
    """Request a ticket for each of ``services`` from each KDC of ``client``'s realm. Return one Sighting, which contains the
    state of the gate, for each pair of KDC and service.

    ``kdcs`` are the KDCs to ask. Each KDC is written as in krb5.conf, that is, as an address or a name, with or without a port.
    If ``kdcs`` is empty, ask the KDCs that krb5.conf names.

    ``client`` is the principal jitd/HOST. The key of ``client`` is in ``keytab``, and nobody grants tickets to ``client``.
    ``services`` are principals of the same realm. A separate process sends the requests. If this process takes longer than
    ``within`` seconds, it is killed. This function raises an exception only if the caller is cancelled.
    """
    realm = client.rpartition("@")[2]
    own = [service for service in dict.fromkeys(services) if service.rpartition("@")[2] == realm]
    why = f"its realm is not {realm}, so jitd requested no ticket"
    others = [
        Sighting(f"KDC of {service.rpartition('@')[2]}", service, SILENT, why) for service in services if service not in own
    ]
    patience_ms = int(1000 * min(PATIENCE, within * SHARE))
    try:
        question = ASK.write(Ask(realm, client, str(keytab), tuple(own), tuple(kdcs), patience_ms))
        said = await _said(question, within)
        return (*_read(said, realm, own), *others)
    except (OSError, ValueError) as fault:
        return (*(Sighting(f"KDC of {realm}", service, SILENT, f"it could not be asked: {fault}") for service in own), *others)


def _read(said: bytes, realm: str, services: Sequence[str]) -> list[Sighting]:
    """Raises ValueError unless ``said`` has exactly one answer of each KDC about each service."""
    try:
        seen = [SEEN.read(line) for line in said.split(b"\n") if line]
    except ValueError as fault:
        raise ValueError(f"the process that asks the KDCs sent a message that cannot be read: {fault}") from None
    found = [replace(each, kdc=each.kdc or f"KDC of {realm}") for each in seen]
    for kdc in {each.kdc for each in found} or {""}:
        if sorted(each.service for each in found if each.kdc == kdc) != sorted(services):
            raise ValueError("the process that asks the KDCs has not answered every question")
    return found


async def _said(question: bytes, within: float) -> bytes:
    """Run the process that asks the KDCs. Raises OSError if it does not start, and ValueError if it fails or is late."""
    if why := why_not("gates"):  # another process imports it anew
        raise ValueError(f"the extension gates {why}")
    environment = {name: os.environ[name] for name in ("KRB5_CONFIG",) if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-IS",
        "-c",
        PROGRAM,
        *places(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within):
            said, complaint = await process.communicate(question)
    except TimeoutError:
        raise ValueError(f"no answer within {within:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # this also kills the children of that process
        await process.wait()
    if process.returncode != 0:
        raise ValueError(complaint.decode("utf-8", "replace").strip()[:500] or f"it ended with status {process.returncode}")
    return said
