# SPDX-License-Identifier: Apache-2.0
"""Records the standing privileges of this host, as root's command has seen them.

Law: the daemon reads nothing of the host. What root says is checked for its form, kept, and recorded with its SHA-256.
"""

from __future__ import annotations

from jitd.audit.privileges import NoList, read
from jitd.core.subject import Subject
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Store
from jitd.verbs.refusal import Refusal


def record(lifecycle: Lifecycle, store: Store, host: str, who: Subject, said: bytes) -> None:
    """Keep the list ``said`` of the form ``jitd standing 1``, and record who has said so. Raises Refusal and StoreError."""
    if who.uid != 0:
        raise Refusal("forbidden", "only root can see and record the standing privileges of this host")
    try:
        found = read(said.decode("ascii"))
    except (NoList, UnicodeDecodeError) as fault:
        raise Refusal("usage", f"this is not a list of standing privileges: {fault}") from None
    if found.host != host:
        raise Refusal("usage", f"this list of standing privileges is about {found.host}, and not about {host}")
    digest = store.keep_standing(said)
    n = {"n": len(found.privileges), "kinds": found.counts, "unseen": len(found.unseen)}
    lifecycle.note("standing.recorded", who.principal, who.uid, {**n, "sha256": digest})
