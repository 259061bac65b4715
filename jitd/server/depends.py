# SPDX-License-Identifier: Apache-2.0
"""What the daemon depends on, and looks at (``lifecycle.looks``): its key, the KDCs, the keys of approvers, its disk, its
helpers, and the plugin by which sudo asks it.
"""

from __future__ import annotations

from collections.abc import Callable

from jitd.beside.asking import silent
from jitd.deciding.kdc_liveness import Kdc
from jitd.deciding.signers import Signers
from jitd.hosts.places import Places
from jitd.hosts.plugin_look import look
from jitd.hosts.sudo_plugin import judge
from jitd.lifecycle.looks import Look
from jitd.recording.reserve import is_reached
from jitd.server.acceptor import Acceptor, NoKey
from jitd.settings.config import Config


def depends(
    config: Config, acceptor: Acceptor, kdc: Kdc, signers: Signers, unlistened: Callable[[], list[str]]
) -> tuple[Look, ...]:
    """Return the looks. ``unlistened`` says which helpers do not listen that the settings need."""

    def key() -> str:
        try:
            acceptor.credentials()
        except NoKey as fault:
            return f"nobody but root can authenticate: {fault}"
        return kdc.why_other_key()

    def keys() -> str:
        if not signers.why_nobody():  # which may name a person
            return ""
        why = f"{config.approvals.keys} has a fault, or all of its keys have ended"
        return f"no key of an approver counts, so nothing is approved that has to be signed: {why}"

    def disk() -> str:
        if not is_reached(config.state):
            return ""
        return f"nobody but root gets anything new: only jitd's reserve is left on the disk of {config.state}"

    def helpers() -> str:
        missing = [*unlistened(), *silent()]
        return f"what needs a helper is not done: {'; '.join(missing)}" if missing else ""

    def plugin() -> str:
        return "; ".join(map(str, judge(look(Places()))))

    return (
        Look("keytab", "jitd has its key", key),
        Look("kdc", "no question about a person was left unanswered lately", kdc.why_silent),
        Look("signers", "the file of approvers' keys has no fault", keys),
        Look("disk", "there is room for the record", disk),
        Look("helpers", "those that the settings need listen, and those that were asked have answered", helpers),
        Look("sudo", "", plugin),
    )
