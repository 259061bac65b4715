# SPDX-License-Identifier: Apache-2.0
"""Warnings about gatekeepers that this host cannot reach now. While a gatekeeper cannot be reached, the rules that name this
gatekeeper permit nothing.

Law: the check opens a connection to the gatekeeper's server and closes it again, and never sends a question. The check connects
only to addresses that jitd-outside may use. If the gatekeeper is a program, the check never starts the program. All gatekeepers
are checked in parallel, so a slow gatekeeper does not delay the others.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd.core.wording import listed
from jitd_outsiders.asking.settings import GatekeeperSettings, Program, Reach
from jitd_outsiders.outside.addresses import may_connect
from jitd_outsiders.outside.urls import read_url
from jitpam.initiator import within

CONNECTED_WITHIN = 3.0  # seconds for the check of all gatekeepers together


def about_gatekeepers(
    rules: Sequence[Rule], gatekeepers: Mapping[str, GatekeeperSettings], seconds: float = CONNECTED_WITHIN
) -> Iterator[Warned]:
    """Yield a warning for each gatekeeper in ``rules`` that cannot be reached within ``seconds`` seconds."""
    by_name: dict[str, list[str]] = {}
    for rule in rules:
        for name in rule.gatekeepers:
            by_name.setdefault(name, []).append(rule.name)
    named = {name: gatekeepers[name].by for name in by_name if name in gatekeepers}
    faults = dict.fromkeys(named, f"no connection within {seconds:g} s")
    with suppress(TimeoutError):
        within(seconds, lambda: asyncio.run(_try_all(named, faults)) if named else None)
    for name, why in tuple(faults.items()):
        if why:
            of = listed(tuple(by_name[name][:5]), "and") + (" and others" if len(by_name[name]) > 5 else "")
            said = f"gatekeeper {name} cannot be reached from here now: {why}"
            said += f"; until the gatekeeper can be reached, nothing is permitted by {of}"
            yield Warned("unreachable", "", 0, "", said)


async def _try_all(named: Mapping[str, Reach | Program], faults: dict[str, str]) -> None:
    """Write into ``faults`` why each gatekeeper cannot be reached, or an empty text."""

    async def note(name: str, by: Reach | Program) -> None:
        faults[name] = await _fault_of(by)

    await asyncio.gather(*(note(name, by) for name, by in named.items()))


async def _fault_of(by: Reach | Program) -> str:
    """Say why the server cannot be reached, or the program not be executed. The text is empty if nothing is wrong."""
    if isinstance(by, Program):
        path = by.words[0] if by.words else ""
        there = "cannot be executed" if os.path.exists(path) else "is missing"
        return "" if os.path.isfile(path) and os.access(path, os.X_OK) else f"its program {path} {there}"
    try:
        if by.socket:
            _, line = await asyncio.open_unix_connection(by.socket)
            line.close()
            return ""
        return await _fault_of_server(by)
    except ssl.SSLCertVerificationError as fault:
        return f"its certificate is not valid: {fault.verify_message}"
    except ssl.SSLError as fault:
        return f"no TLS connection is possible: {fault.reason or fault}"
    except (OSError, ValueError) as fault:
        return str(getattr(fault, "strerror", None) or fault)


async def _fault_of_server(by: Reach) -> str:
    """Open a TLS connection to the gatekeeper's server ``by``, in the same way as jitd-outside. Raises OSError or ValueError."""
    url = read_url(by.url)
    host = url.host.strip("[]")
    found = await asyncio.get_running_loop().getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = [address for address in addresses if may_connect(address, by.addresses)]
    if not allowed:
        said = f"not in addresses ({', '.join(by.addresses)})" if by.addresses else "not a public address (see the key addresses)"
        return f"{host} leads to {', '.join(addresses) or 'no address'}, {said}"
    context = ssl.create_default_context(cadata=by.ca or None)
    fault: OSError | None = None
    for address in allowed:
        try:
            _, line = await asyncio.open_connection(address, url.port, ssl=context, server_hostname=host)
        except OSError as error:
            fault = error
        else:
            line.close()
            return ""
    assert fault is not None, "there is an address"
    raise fault
