# SPDX-License-Identifier: Apache-2.0
"""Finds out whether any KDC of a realm answers. This is a separate process, which ``reach`` executes.

For each KDC that krb5.conf names it forks a child, which asks that KDC alone for a ticket with the host's own key.
Law: any answer of a KDC counts as an answer, a refusal too. Only silence and a connection that cannot be made count as none.
If a KDC cannot be asked, for example as the keytab cannot be read, the process fails: that does not say that KDCs are silent.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress

from jitd.kdc.asking import Krb5Error, Library, pinned

PATIENCE = 3.0
"""Seconds in which a KDC has to answer."""
UNREACHED = frozenset(
    {
        -1765328228,  # KRB5_KDC_UNREACH: no KDC of the realm can be contacted
        -1765328164,  # KRB5_REALM_CANT_RESOLVE: the names of the KDCs cannot be looked up
    }
)
"""The errors of libkrb5 that say that no KDC has answered (krb5_err.et)."""
ANSWERED, UNANSWERED, FAILED = 0, 1, 2


class _Child:
    """A process that asks one KDC; ``conf`` is a krb5.conf that names it, or None if DNS names the KDCs."""

    def __init__(self, conf: str | None, client: str, keytab: str) -> None:
        self.pipe, writing = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(writing)
            return
        said = b"f"
        try:
            os.close(self.pipe)
            if conf is not None:
                file = os.memfd_create("krb5.conf")
                os.write(file, conf.encode("utf-8"))
                os.environ["KRB5_CONFIG"] = f"/proc/self/fd/{file}:{os.environ.get('KRB5_CONFIG', '/etc/krb5.conf')}"
            said = _asked(client, keytab)
        finally:
            os.write(writing, said)
            os._exit(0)

    def end(self) -> None:
        """Kill the process, and wait until it has exited."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)


def _asked(client: str, keytab: str) -> bytes:
    """Ask the KDC that krb5.conf names. Return ``a`` if it has answered, ``u`` if not, ``f`` if it could not be asked."""
    try:
        Library().log_in(client, keytab)
    except Krb5Error as fault:
        is_of_kdc = -1765328384 <= fault.code < -1765328384 + 128  # the error codes of RFC 4120 section 7.5.9
        return b"u" if fault.code in UNREACHED else b"a" if is_of_kdc else b"f"
    except OSError:
        return b"f"
    return b"a"


def look(realm: str, client: str, keytab: str, patience: float = PATIENCE) -> int:
    """Ask all KDCs of ``realm`` at the same time, for ``patience`` seconds at most. Return ANSWERED, UNANSWERED or FAILED.

    Raises Krb5Error and OSError.
    """
    relations = Library().relations(realm)
    kdcs = list(dict.fromkeys((*relations.get("kdc", []), *relations.get("primary_kdc", []), *relations.get("master_kdc", []))))
    confs: list[str | None] = [pinned(realm, kdc, relations) for kdc in kdcs]
    children = {child.pipe: child for child in [_Child(conf, client, keytab) for conf in confs or [None]]}
    waiting, found, until = set(children), set[bytes](), time.monotonic() + patience
    try:
        while waiting and b"a" not in found:
            ready = select.select(waiting, [], [], max(0.0, until - time.monotonic()))[0]
            if not ready:
                break
            for pipe in ready:
                waiting.discard(pipe)
                found.add(os.read(pipe, 1) or b"f")
    finally:
        for child in children.values():
            child.end()
    return ANSWERED if b"a" in found else FAILED if b"f" in found else UNANSWERED


def main() -> int:
    """Read a question (a JSON object with the arguments of ``look``) from standard input. The exit status is the answer."""
    for name in [name for name in os.environ if name.startswith(("KRB5", "GSS")) and name != "KRB5_CONFIG"]:
        del os.environ[name]
    try:
        return look(**json.loads(sys.stdin.buffer.read()))
    except (Krb5Error, OSError) as fault:
        print(f"jitd: {fault}", file=sys.stderr)
        return FAILED
