# SPDX-License-Identifier: Apache-2.0
"""Checks that each KDC refuses tickets that nobody has granted. The only proof is to ask for such a ticket: a KDC does not tell
whether it has loaded the plugin.

Law: a gate is ON only if the KDC has refused a ticket by policy. If there is no answer, another error, no such service or a fault
of jitd's own, the state is SILENT, which proves nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jitd.kdc.asking import PATIENCE
from jitd.kdc.strings import OFF, ON, SILENT, Sighting

PROGRAM = "import sys; sys.path.append(sys.argv[1]); from jitd.kdc.asking import main; raise SystemExit(main())"
PACKAGES = str(Path(__file__).resolve().parents[2])
"""The directory that holds ``jitd``."""
WITHIN = PATIENCE + 5.0
"""Seconds after which the process that asks is killed."""
SHARE = 0.75
"""The KDCs have PATIENCE seconds to answer, or this part of ``within`` if that is less. The process needs the rest of the time to
start and to write its answers."""


async def gate_states(
    client: str, keytab: Path, services: Sequence[str], *, kdcs: Sequence[str] = (), within: float = WITHIN
) -> tuple[Sighting, ...]:
    """Ask each KDC of ``client``'s realm for a ticket for each of ``services``. Return one sighting for each KDC and service.

    The KDCs are ``kdcs``, each written as in krb5.conf: an address or a name, and perhaps a port. If ``kdcs`` is empty, they are
    the KDCs that krb5.conf names.

    ``client`` is the principal jitd/HOST, whose key is in ``keytab``, and to which nobody grants tickets. ``services`` are
    principals of the same realm, the canary among them. A separate process asks, and is killed after ``within`` seconds. Raises
    nothing, unless the caller is cancelled.
    """
    realm = client.rpartition("@")[2]
    own = [service for service in dict.fromkeys(services) if service.rpartition("@")[2] == realm]
    why = f"its realm is not {realm}, so it is not asked for"
    others = [
        Sighting(f"KDC of {service.rpartition('@')[2]}", service, SILENT, why) for service in services if service not in own
    ]
    question: dict[str, object] = {"realm": realm, "client": client, "keytab": str(keytab), "services": own, "kdcs": list(kdcs)}
    question["patience"] = min(PATIENCE, within * SHARE)
    try:
        said = await _said(json.dumps(question).encode("ascii"), within)
        return (*_read(said, realm, own), *others)
    except (OSError, ValueError) as fault:
        return (*(Sighting(f"KDC of {realm}", service, SILENT, f"it could not be asked: {fault}") for service in own), *others)


def _read(said: bytes, realm: str, services: Sequence[str]) -> list[Sighting]:
    """Return the sightings in ``said``. Raises ValueError if it cannot be read, or if an answer about a service is missing."""
    found = []
    for line in said.splitlines():
        row = json.loads(line)
        if (
            type(row) is not list
            or len(row) != 4
            or not all(type(word) is str for word in row)
            or row[2] not in (ON, OFF, SILENT)
        ):
            raise ValueError("the process that asks the KDCs sent what cannot be read")
        found.append(Sighting(row[0] or f"KDC of {realm}", *row[1:]))
    for kdc in {each.kdc for each in found} or {""}:
        if sorted(each.service for each in found if each.kdc == kdc) != sorted(services):
            raise ValueError("the process that asks the KDCs has not answered every question")
    return found


async def _said(question: bytes, within: float) -> bytes:
    """Run the process that asks, and return what it writes. Raises OSError if it cannot be started, ValueError if it fails or
    takes longer than ``within`` seconds.
    """
    environment = {name: os.environ[name] for name in ("KRB5_CONFIG",) if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-IS", "-c", PROGRAM, PACKAGES,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment, cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(within):
            said, complaint = await process.communicate(question)
    except TimeoutError:
        raise ValueError(f"nothing was said within {within:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and the processes that it has started
        await process.wait()
    if process.returncode != 0:
        raise ValueError(complaint.decode("utf-8", "replace").strip()[:500] or f"it ended with status {process.returncode}")
    return said
