# SPDX-License-Identifier: Apache-2.0
"""What a person who is not root is told: what they need themselves, and what only root can look at.

Law: nothing is asked of the daemon that ``jitsudo`` would not ask.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jitd.core.subject import account_of
from jitd.doctor.checks import files, kerberos, person, running
from jitd.doctor.checks.finding import Finding, unknown
from jitd.doctor.looks import files as look_at_files
from jitd.doctor.looks import host as look_at_host
from jitd.doctor.looks import person as look_at_person
from jitd.doctor.looks import running as look_at_running
from jitd.doctor.round import Examination
from jitd.settings.config import KRB5_CONF, Config, default_realm
from jitpam.initiator import own_host

ONLY_ROOT = (
    "settings and policy, the key and the KDC's opinion of it, who may ask and approve, the state and the record, control groups,"
    " systemd, PAM, and what is installed"
)
AS_ROOT = "have root run: jitd doctor"


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever runs this. ``faults`` are those of the settings, as far as they can be read; ``config`` holds defaults then."""

    config: Config
    file: Path
    faults: tuple[str, ...] = ()

    @property
    def socket(self) -> Path:
        """Where their ``jitsudo`` asks."""
        return Path(os.environ.get("JITD_SOCKET") or self.config.socket)

    def names(self) -> Iterator[Finding]:
        """Host and realm."""
        if self.faults:
            yield unknown("settings.whole", f"the settings cannot be read here: {self.faults[0]}", AS_ROOT)
        else:
            realms = sorted(self.config.realms)
            realm = default_realm(KRB5_CONF)
            yield from kerberos.names(self.config.host, own_host(), realms, realm, str(self.file))

    def ticket(self) -> Iterator[Finding]:
        """Ticket and account."""
        found = look_at_person.ticket(own_host())
        yield person.ticket(found)
        if found.principal:
            account = account_of(found.principal.encode(), self.config.realms, self.config.principals)
            yield person.mapping(found.principal, account, look_at_host.own_user(), str(self.file))

    def daemon(self) -> Iterator[Finding]:
        """The socket, and a real greeting."""
        path = self.socket
        yield files.above("socket.directory", look_at_files.see_above(path))
        start = "unset JITD_SOCKET" if os.environ.get("JITD_SOCKET") else "systemctl enable --now jitd.service"
        yield files.socket("socket.mode", look_at_files.see(path), start)
        answered, principal = look_at_running.ask(path, with_ticket=True)
        yield person.mutual(principal, answered.why_not)
        if not answered.why_not and not self.faults:
            yield running.answer(answered, self.config.host, "systemctl restart jitd.service")

    def rest(self) -> Iterator[Finding]:
        """What is not for this person."""
        yield unknown("rest", f"only root can look at {ONLY_ROOT}", AS_ROOT)

    def examinations(self) -> list[Examination]:
        """All of them."""
        return [
            Examination("host.name", self.names, "this host's name cannot be found out", AS_ROOT),
            Examination("ticket", self.ticket, "the KDC does not answer", "try again later, and tell whoever keeps the KDC"),
            Examination("authentication", self.daemon, "jitd does not answer", AS_ROOT),
            Examination("rest", self.rest, "nothing is said of the rest", AS_ROOT),
        ]
