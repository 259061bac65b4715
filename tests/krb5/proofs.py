# SPDX-License-Identifier: Apache-2.0
"""Proofs for a jitd of a realm of the tests' own: tickets for it, tokens of these tickets, and what its acceptor makes of them.

Law: an acceptor here is the daemon's own code with a real keytab. ``python -m tests.krb5.proofs CACHE SERVICE
CHANNEL`` prints a token in hex: so a client can have a clock and a krb5.conf of its own. With one
word more it hands its TGT over.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gssapi

from jitd.server.acceptor import Acceptor, Proof
from tests.attacks.raw import FLAGS, Flag, initiator
from tests.krb5.realm import Realm

HOST = "lab.example.test"
CHANNEL = bytes(32)


def service(realm: Realm) -> str:
    """The principal of jitd on this host."""
    return f"jitd/{HOST}@{realm.name}"


def enroll(realm: Realm) -> Path:
    """Give the host its principal in ``realm``. Return the keytab."""
    keytab = realm.where / "jitd.keytab"
    realm.local(f"addprinc -randkey {service(realm)}", f"ktadd -k {keytab} {service(realm)}")
    return keytab


def with_spake(realm: Realm, name: str = "spake") -> None:
    """The KDC proves passwords by SPAKE, and says so by the indicator ``name``."""
    realm.for_realm += f"        spake_preauth_indicator = {name}\n"
    realm.for_clients += "[libdefaults]\n    spake_preauth_groups = edwards25519\n"
    realm.write()
    realm.stop_one("krb5kdc")
    realm.start_one("krb5kdc")


def with_clock(realm: Realm, shim: Path, seconds: int) -> None:
    """The KDC, and all commands that are run in ``realm``, see a clock that is ``seconds`` ahead."""
    realm.stop_one("krb5kdc")
    realm.for_environment = {"LD_PRELOAD": str(shim), "SKEW": str(seconds)} if seconds else {}
    realm.start_one("krb5kdc")


def build_shim(to: Path) -> Path:
    """Compile skew.c into ``to``."""
    source = Path(__file__).with_name("skew.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(to), str(source), "-ldl"], check=True)
    return to


def comes(realm: Realm, cache: str, host: Realm | None = None) -> gssapi.Credentials:
    """The credentials in ``cache`` (``FILE:…``, of a person of ``realm``), with a ticket for the jitd of ``host``'s realm."""
    realm.run("kvno", service(host or realm), cache=cache)
    return gssapi.Credentials(usage="initiate", store={"ccache": cache})


def token(ticket: gssapi.Credentials, realm: Realm) -> bytes:
    """A token for the jitd of ``realm``, bound to CHANNEL."""
    return bytes(initiator(ticket, CHANNEL, service=service(realm)).step() or b"")


def token_at(cache: str, realm: Realm, shim: Path, seconds: int) -> bytes:
    """The same, made by a client whose clock is ``seconds`` ahead."""
    return _elsewhere(realm, cache, service(realm), CHANNEL.hex(), LD_PRELOAD=str(shim), SKEW=str(seconds))


def token_with_tgt(cache: str, realm: Realm, channel: bytes = CHANNEL) -> bytes:
    """A token bound to ``channel``, made by a client that hands its TGT over (RFC 4121 section 4.1.1)."""
    return _elsewhere(realm, cache, service(realm), channel.hex(), "delegate")


def _elsewhere(realm: Realm, *words: str, **environment: str) -> bytes:
    """A token made by a process of its own, with the settings of ``realm``."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.krb5.proofs", *words],
        env=realm.environment | environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return bytes.fromhex(made.stdout)


def accepted(keytab: Path, realm: Realm, offered: bytes) -> Proof:
    """What the acceptor makes of a token. Raises NotAuthenticated or NoKey."""
    return Acceptor(keytab, HOST, realm.name).accept(offered, CHANNEL)[0]


if __name__ == "__main__":
    cache, target, bound_to, *more = sys.argv[1:]
    held = gssapi.Credentials(usage="initiate", store={"ccache": cache})
    flags = (*FLAGS, Flag.delegate_to_peer) if more else FLAGS
    print((initiator(held, bytes.fromhex(bound_to), service=target, flags=flags).step() or b"").hex())
