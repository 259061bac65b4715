# SPDX-License-Identifier: Apache-2.0
"""The kind ``ssh-certificate``: a user certificate of OpenSSH for the key that the person brought. To revoke a certificate, jitd
adds the certificate's id to a KRL.

Law: this module never reads a private key. ssh-keygen or an agent signs with the CA's key, and the person keeps their own key. A
certificate expires at the latest when its holding ends. The id and the serial number of a certificate are computed from the
holding. So a certificate can be revoked even if nobody knows whether it was made. Sources: ssh-keygen(1) "CERTIFICATES",
PROTOCOL.certkeys of OpenSSH.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jitd.beside.secret import sealed
from jitd.core.conditions import is_name, literally
from jitd.core.public_key import NoKey, PublicKey, read_key
from jitd.core.toml_table import Table, quoted
from jitd_outsiders.asking.settings import file_in
from jitd_things.givers import executing
from jitd_things.givers.kind import Failed, Given, Kind, Order, Refused, Seen, State, Strays, Taken, checked_holding
from jitd_things.givers.revocations import KEYGEN, LOCK, Unusable, is_revoked, revoke
from jitd_things.givers.settings import GiverSettings

_ADDRESSES = re.compile(r"[0-9A-Fa-f.:/,]{1,1000}")
ADD, ENV = "/usr/bin/ssh-add", "/usr/bin/env"
WORK = Path("/run")  # each certificate is made in a temporary directory below this directory
BEFORE = 60  # seconds before now, when the validity begins: another host's clock may be slow


@dataclass(frozen=True, slots=True)
class SshCertificate(GiverSettings):
    """A certificate for the person's key. ``ca`` is the file of the signing key, or the socket of an agent. A revoked certificate
    is listed in the file ``krl``.
    """

    KIND = "ssh-certificate"
    KEYS = ("ca", "principals", "krl", "force_command", "source_address")
    HAS_SECRET = True
    BRINGS_KEY = "must"
    IS_MENDED = False

    ca: Path = Path("/")
    principals: tuple[str, ...] = ()
    krl: Path | None = None
    force_command: str = ""
    source_address: str = ""

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        table.needs("ca", "principals")
        source = table.text("source_address", "")
        if "source_address" in table.values and not _ADDRESSES.fullmatch(source):
            table.fault('"source_address" must be networks with commas between them, such as "10.1.0.0/16"', "source_address")
        return {
            "ca": file_in(table, "ca") or Path("/"),
            "principals": table.words("principals", (), _read_name),
            "krl": file_in(table, "krl"),
            "force_command": table.sentence("force_command"),
            "source_address": source,
        }

    def sentences(self) -> tuple[str, ...]:
        forced = f", for the command {self.force_command}" if self.force_command else ""
        source = f", from {self.source_address}" if self.source_address else ""
        revoked = f"revoked in {self.krl}" if self.krl else "revoked nowhere before its time is over"
        whom = ", ".join(self.principals)
        return (f"log in by ssh as {whom}{forced}{source}, with a certificate by {self.ca}, {revoked}",)

    def ways_to_root(self) -> Iterator[str]:
        if "root" in self.principals and not self.force_command:
            yield "a login as root, on each host whose sshd accepts the certificate"

    def deeds(self) -> Kind:
        return SshCertificates(self)


def _read_name(word: str) -> str:
    if not is_name(word):
        raise ValueError(f"{quoted(word)} is not a name{literally(word)}")
    return word


# --- the deeds ---------------------------------------------------------------------------------------------------------------


class SshCertificates:
    """Gives certificates, with temporary directories below ``work``. Who changes the KRL holds ``lock``."""

    def __init__(self, giver: SshCertificate, work: Path = WORK, lock: Path = LOCK) -> None:
        self._giver = giver
        self._work = work
        self._lock = lock

    def give(self, order: Order) -> Given | Refused | Failed:
        """See ``Kind.give``. The answer contains the certificate as its secret, because only the person needs the certificate."""
        now = int(time.time())
        if order.until <= now:
            return Refused("the time of the grant is over")
        try:
            key = read_key(order.brought)
        except NoKey as fault:
            return Refused(f"the text that you brought is not a usable public key: {fault}")
        krl = self._giver.krl
        try:
            if krl is not None and is_revoked(krl, id_of(order.holding)):
                return Refused(f"{krl} has revoked this certificate already: ask for another one")
            certificate = self._signed(order, key, now)
        except Unusable as fault:
            return Refused(str(fault))
        whom = ", ".join(self._giver.principals)
        return Given(f"the certificate is for {key.fingerprint}, as {whom}, until {_instant(order.until)}", sealed(certificate))

    def take(self, order: Order) -> Taken | Refused | Failed:
        """See ``Kind.take``. Connections that sshd has already accepted stay open."""
        try:
            ended = self._ended(order)
        except (Unusable, OSError) as fault:
            ended = Failed(str(fault))
        place = self._place(order.holding)
        try:
            shutil.rmtree(place)  # left by a deed that was killed; it lets nobody in
        except FileNotFoundError:
            return ended
        except OSError as fault:
            told = f"not removed: {place}: {fault.strerror}"
            return Taken(f"{ended.left}; {told}".lstrip("; ")) if isinstance(ended, Taken) else Failed(f"{ended.why}; {told}")
        return ended

    def _ended(self, order: Order) -> Taken | Failed:
        """End what the certificate permits. Raises Unusable and OSError."""
        if self._giver.krl is None:
            is_over = order.until <= time.time()
            good = f"the certificate {id_of(order.holding)} is good until {_instant(order.until)}: no krl is set up to revoke it"
            return Taken("" if is_over else good)
        revoke(self._giver.krl, id_of(order.holding), self._lock)
        return Taken()

    def look(self, order: Order) -> Seen | Failed:
        """See ``Kind.look``. Only the person knows where the certificate is. The KRL says whether it is valid."""
        if self._giver.krl is None:
            return Seen(State.STANDS)
        try:
            if is_revoked(self._giver.krl, id_of(order.holding)):
                return Seen(State.GONE, f"somebody has revoked the certificate in {self._giver.krl}")
        except Unusable as fault:
            return Failed(str(fault))
        return Seen(State.STANDS)

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        """See ``Kind.strays``. The result is always empty, because a certificate leaves nothing on this host."""
        return Strays()

    # --- signing ---------------------------------------------------------------------------------------------------------

    def _signed(self, order: Order, key: PublicKey, now: int) -> bytes:
        """Return the certificate for ``key``, as the line of a certificate file. Raises Unusable and OSError."""
        place = self._place(order.holding)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        try:
            signer = self._signer(place)
            file = place / "key.pub"
            file.write_text(f"{key.spelling}\n", "ascii")
            terms = ["-I", id_of(order.holding), "-z", str(serial_of(order.holding)), "-n", ",".join(self._giver.principals)]
            times = ["-V", f"{max(1, now - BEFORE):#x}:{order.until:#x}"]
            _run(f"[givers.{order.name}]: {self._giver.ca} does not sign", *signer, *terms, *times, *self._options(), str(file))
            return (place / "key-cert.pub").read_bytes()
        finally:
            shutil.rmtree(place)

    def _signer(self, place: Path) -> list[str]:
        """Return the first words of the command line that signs. ``place`` is a temporary directory. Raises Unusable."""
        ca = self._giver.ca
        try:
            status = os.stat(ca)
        except OSError as fault:
            raise Unusable(f"the CA {ca} cannot be found: {fault.strerror}") from None
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise Unusable(f"the CA {ca} must belong to root, and nobody else may read or use it: chmod go= {ca}")
        if not stat.S_ISSOCK(status.st_mode):
            return [KEYGEN, "-q", "-s", str(ca)]
        agent = [ENV, f"SSH_AUTH_SOCK={ca}"]
        listed = (
            _run(f"the agent {ca} does not answer", *agent, ADD, "-L").decode("ascii", "replace").removesuffix("\n").split("\n")
        )
        if len(listed) != 1:
            raise Unusable(f"the agent {ca} has {len(listed)} keys: it must have the CA's key and no other")
        (place / "ca.pub").write_text(f"{listed[0]}\n", "ascii")
        return [*agent, KEYGEN, "-q", "-U", "-s", str(place / "ca.pub")]

    def _options(self) -> list[str]:
        """A forced command leaves itself and a terminal. Else ssh-keygen's defaults apply: who has a shell can do all of it."""
        giver = self._giver
        options = ["clear", "permit-pty", f"force-command={giver.force_command}"] if giver.force_command else []
        options += [f"source-address={giver.source_address}"] if giver.source_address else []
        return [word for option in options for word in ("-O", option)]

    def _place(self, holding: str) -> Path:
        id_of(holding)
        return self._work / f"jitd-ssh-{holding}"


def id_of(holding: str) -> str:
    """Return the id of the certificate of ``holding``. sshd logs this id at each login. Raises ValueError."""
    return f"jitd:{checked_holding(holding)}"


def serial_of(holding: str) -> int:
    """Return the serial number of the certificate of ``holding``. The serial number is 63 bits of a digest, and never 0."""
    return int.from_bytes(hashlib.sha256(id_of(holding).encode("ascii")).digest()[:8], "big") >> 1 or 1


def _run(why: str, *words: str) -> bytes:
    """Return the output. If the command fails, raise Unusable with ``why``."""
    said = executing.run(words)
    if said.status != 0:
        raise Unusable(f"{why}: {said.said or f'status {said.status}'}")
    return said.output


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
