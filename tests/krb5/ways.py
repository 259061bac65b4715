# SPDX-License-Identifier: Apache-2.0
"""The ways by which a client can ask a KDC for a service's ticket.

Law: a way does what it takes and no more, in caches of its own, and returns the ticket that it got. It knows nothing of gates:
each one gets a ticket of a service that is not gated, or the table that uses it is about nothing.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.krb5.cache import INVALID, Ticket, tickets
from tests.krb5.realm import Realm, wait_until

GATED, OPEN = "postgres/db1.example.test", "http/db1.example.test"
"""The service that is gated, and the one that is like it in all else."""
TGS = "krbtgt/GATE.TEST@GATE.TEST"
KDC_FORWARDED, KDC_PROXY, KDC_POSTDATED, KDC_ALLOW_POSTDATE = 0x20000000, 0x08000000, 0x02000000, 0x04000000


@dataclass
class Stage:
    """A realm with both services, and what was got before the one was gated."""

    realm: Realm
    where: Path
    ask: Path
    """The program ask.c."""
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new(self) -> Path:
        """The path of a cache that is not there yet."""
        return self.where / f"cache{next(self._numbers)}"

    def keytab(self, service: str) -> str:
        """A keytab with the service's key as it is."""
        path = self.where / f"{service.partition('/')[0]}.keytab"
        if not path.exists():
            self.realm.local(f"ktadd -norandkey -k {path} {service}")
        return str(path)

    def tgt(self, *options: str, who: str = "alice") -> Path:
        """A new cache with a TGT."""
        cache = self.new()
        self.realm.login(who, cache, *options)
        return cache

    def old(self, service: str, which: str) -> Path:
        """A copy of a cache with a ticket that was got before anything was gated."""
        return Path(shutil.copy(self.where / f"{which}.{service.partition('/')[0]}", self.new()))

    def prepare(self) -> None:
        """Get what is got before: a renewable ticket of each service, and a postdated one that is not valid yet."""
        for service in (GATED, OPEN):
            for which, options in (("renewable", ["-r7d", "-f", "-p"]), ("invalid", ["-s1s"])):
                cache = self.where / f"{which}.{service.partition('/')[0]}"
                self.realm.login("alice", cache, *options, "-S", service)

    def run(self, cache: Path, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command with a cache as its default one."""
        return self.realm.attempt(*command, cache=f"FILE:{cache}", stdin=stdin)

    def ticket(self, cache: Path, service: str) -> Ticket | None:
        """The newest ticket of the service in a cache."""
        found = [ticket for ticket in tickets(cache) if ticket.server.partition("@")[0] == service]
        return found[-1] if found else None


Way = Callable[[Stage, str], Ticket | None]


def _kvno(stage: Stage, cache: Path, service: str, *options: str) -> Ticket | None:
    done = stage.run(cache, "kvno", *options, service)
    ticket = stage.ticket(cache, service)
    assert (done.returncode == 0) == (ticket is not None), done.stdout
    return ticket


def _kinit(stage: Stage, service: str, *options: str, who: str = "alice") -> Ticket | None:
    cache = stage.new()
    password = who.rpartition("\\")[2].partition("@")[0] * 2
    done = stage.run(cache, "kinit", "-S", service, *options, who, stdin=f"{password}\n")
    ticket = stage.ticket(cache, service)
    assert (done.returncode == 0) == (ticket is not None), done.stdout
    return ticket


def _asked(stage: Stage, service: str, options: int, cache: Path, shown: str = TGS) -> Ticket | None:
    out = stage.new()
    done = stage.run(cache, str(stage.ask), f"{options:x}", service, f"FILE:{out}", shown)
    ticket = stage.ticket(out, service)
    assert (done.returncode == 0) == (ticket is not None), done.stdout
    return ticket


def tgs(stage: Stage, service: str) -> Ticket | None:
    return _kvno(stage, stage.tgt(), service)


def tgs_canonical(stage: Stage, service: str) -> Ticket | None:
    return _kvno(stage, stage.tgt("-C"), service)


def as_directly(stage: Stage, service: str) -> Ticket | None:
    return _kinit(stage, service)


def as_canonical(stage: Stage, service: str) -> Ticket | None:
    return _kinit(stage, service, "-C")


def as_forwardable_proxiable_renewable(stage: Stage, service: str) -> Ticket | None:
    return _kinit(stage, service, "-f", "-p", "-r7d")


def as_with_fast(stage: Stage, service: str) -> Ticket | None:
    return _kinit(stage, service, "-T", f"FILE:{stage.tgt(who='bob')}")


def tgs_with_fast(stage: Stage, service: str) -> Ticket | None:
    return _kvno(stage, stage.tgt("-T", f"FILE:{stage.tgt(who='bob')}"), service)


def as_enterprise(stage: Stage, service: str) -> Ticket | None:
    return _kinit(stage, service, "-E", who="alice@GATE.TEST")


def renewal(stage: Stage, service: str) -> Ticket | None:
    cache = stage.old(service, "renewable")
    done = stage.run(cache, "kinit", "-R", "-S", service)
    return stage.ticket(cache, service) if done.returncode == 0 else None


def validation(stage: Stage, service: str) -> Ticket | None:
    cache = stage.old(service, "invalid")
    old = stage.ticket(cache, service)
    assert old is not None and old.flags & INVALID
    wait_until(old.starts_at)
    done = stage.run(cache, "kinit", "-v", "-S", service)
    return stage.ticket(cache, service) if done.returncode == 0 else None


def forwarded_tgt(stage: Stage, service: str) -> Ticket | None:
    forwarded = stage.new()
    done = stage.run(stage.tgt("-f"), str(stage.ask), f"{KDC_FORWARDED:x}", TGS, f"FILE:{forwarded}", TGS)
    assert done.returncode == 0, done.stdout
    return _kvno(stage, forwarded, service)


def forwarded_ticket(stage: Stage, service: str) -> Ticket | None:
    return _asked(stage, service, KDC_FORWARDED, stage.old(service, "renewable"), shown=service)


def proxy(stage: Stage, service: str) -> Ticket | None:
    return _asked(stage, service, KDC_PROXY, stage.old(service, "renewable"), shown=service)


def user_to_user(stage: Stage, service: str) -> Ticket | None:
    second, cache = stage.new(), stage.tgt()
    stage.realm.run("kinit", "-k", "-t", stage.keytab(service), "-c", f"FILE:{second}", service)
    return _kvno(stage, cache, service, "--u2u", f"FILE:{second}")


def s4u2self(stage: Stage, service: str) -> Ticket | None:
    cache = stage.new()
    stage.realm.run("kinit", "-k", "-t", stage.keytab(service), "-c", f"FILE:{cache}", service)
    return _kvno(stage, cache, service, "-U", "alice")


def postdated_as(stage: Stage, service: str) -> Ticket | None:
    return _kinit(stage, service, "-s1h")


def postdated_tgs(stage: Stage, service: str) -> Ticket | None:
    tgt = stage.new()  # one that may be postdated
    stage.realm.run("kinit", "-s1s", "-c", f"FILE:{tgt}", "alice", stdin="alicealice\n")
    (old,) = tickets(tgt)
    wait_until(old.starts_at)
    stage.realm.run("kinit", "-v", "-c", f"FILE:{tgt}")
    return _asked(stage, service, KDC_POSTDATED | KDC_ALLOW_POSTDATE, tgt)


def second_account(stage: Stage, service: str) -> Ticket | None:
    return _kvno(stage, stage.tgt(who="alice/admin"), service)


def as_second_account(stage: Stage, service: str) -> Ticket | None:
    return _kinit(stage, service, who="alice-adm")
