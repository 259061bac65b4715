# SPDX-License-Identifier: Apache-2.0
"""Certificates of OpenSSH as a row of the suite over all kinds (worlds.py).

Law: a certificate works if an sshd that trusts the CA and reads the KRL lets somebody in by it. Certificates are found where
their holders have them: in the memory that commands got, and in the files of ``--to``. One that sshd has refused is looked up in
the KRL from then on, by a copy of ssh-keygen. If the KRL does not have it, sshd is asked again.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tests import real_sshd
from tests.descriptors import links
from tests.waiting import PATIENCE, wait_for

PEOPLE = ("alice", "bob")
KEYGEN = Path("/usr/bin/ssh-keygen")
CERTIFICATE = b"ssh-ed25519-cert-v01@openssh.com "
OPTIONS = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "LogLevel=ERROR",
           "KexAlgorithms=curve25519-sha256")  # fmt: skip
"""The last one: the key exchange that costs the least."""


def keygen(*words: str | Path) -> str:
    """Run the real ssh-keygen."""
    return subprocess.run([KEYGEN, *words], capture_output=True, text=True, check=True).stdout


class SshWorld:
    """A CA, a KRL with an entry of the administrator's, a key of each person's, and an sshd that obeys the first two."""

    thing = "ssh-certificate:ops-ssh"
    people = ("alice", "bob")

    def prepare(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ssh-", dir="/srv"))
        self.root.chmod(0o755)
        self._ca, self._krl = self.root / "ca", self.root / "revoked.krl"
        for name in ("ca", "host", "old", *PEOPLE):
            keygen("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.root / name)
        keygen("-q", "-k", "-f", self._krl, self.root / "old.pub")
        self._keygen = shutil.copy(KEYGEN, self.root)  # works also while KEYGEN is broken
        self.config = (
            f'[givers.ops-ssh]\nkind = "ssh-certificate"\nca = "{self._ca}"\nprincipals = ["ops"]\nkrl = "{self._krl}"\n'
        )
        self._seen: dict[str, set[bytes]] = {name: set() for name in PEOPLE}
        self._refused: dict[str, set[bytes]] = {name: set() for name in PEOPLE}
        self._files: list[Path] = []
        self._start()

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        (self.root / "principals").write_text("ops\n")
        lines = [
            *(f"Port {self._port}", "ListenAddress 127.0.0.1", f"HostKey {self.root}/host", "PidFile none", "UsePAM no"),
            *(f"TrustedUserCAKeys {self._ca}.pub", f"RevokedKeys {self._krl}", "PasswordAuthentication no", "StrictModes no"),
            *(f"AuthorizedPrincipalsFile {self.root}/principals", "AuthorizedKeysFile none", "MaxStartups 100"),
        ]
        (self.root / "sshd_config").write_text("\n".join(lines) + "\n")
        self._sshd = real_sshd.started(self.root / "sshd_config", self.root / "sshd.log")
        wait_for(self._answers, what="sshd")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def clear(self) -> None:
        self._sshd.send_signal(signal.SIGTERM)
        self._sshd.wait(PATIENCE)
        for file in self._files:
            file.unlink(missing_ok=True)
        shutil.rmtree(self.root)

    def needs(self, account: str) -> tuple[str, ...]:
        """The person's public key."""
        return "--key", str(self.root / f"{account}.pub")

    def to_keep(self, account: str) -> tuple[str, ...]:
        """The certificate goes into a file."""
        self._files.append(Path(f"/home/{account}/certificate-{len(self._files)}"))
        return "--to", str(self._files[-1])

    def works(self, account: str) -> bool:
        self._collect(account)
        tried = self._seen[account] - self._revoked(account)
        let_in = {certificate for certificate in tried if self._lets_in(account, certificate)}
        self._refused[account] |= tried - let_in
        return bool(let_in)

    def _revoked(self, account: str) -> set[bytes]:
        """The certificates that sshd has refused, and that the KRL still has: one process for all of them."""
        files = {str(self.root / f"refused-{n}"): certificate for n, certificate in enumerate(sorted(self._refused[account]))}
        for file, certificate in files.items():
            Path(file).write_bytes(certificate)
        line = [self._keygen, "-Q", "-f", self._krl, *files]
        said = subprocess.run(line, capture_output=True, text=True, check=False).stdout if files else ""
        return {files[name] for name in re.findall(r"^(\S+)(?: \(.*\))?: REVOKED$", said, re.MULTILINE)}

    def _lets_in(self, account: str, certificate: bytes) -> bool:
        file = self.root / "certificate"
        file.write_bytes(certificate)
        options = [f"-o{option}" for option in (*OPTIONS, f"CertificateFile={file}")]
        line = ["ssh", "-F", "none", "-p", str(self._port), "-i", str(self.root / account), *options, f"{account}@127.0.0.1"]
        done = subprocess.run([*line, "echo in"], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "Permission denied" in done.stderr, done
        return done.stdout == "in\n"

    def _collect(self, account: str) -> None:
        """Look into the hands of all processes, and into the files of ``account``: what is for another's key lets nobody in."""
        for process in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):  # it has ended meanwhile
                for number, path in links(int(process)).items():
                    if "memfd:jitd-secret" in path:
                        self._keep(account, Path(f"/proc/{process}/fd/{number}"))
        for file in self._files:
            if file.parent.name == account:
                self._keep(account, file)

    def _keep(self, account: str, file: Path) -> None:
        with suppress(OSError):
            if (content := file.read_bytes()).startswith(CERTIFICATE):
                self._seen[account].add(content)

    def snapshot(self) -> object:
        """What the KRL has, but for the ids of jitd, which it keeps; and where a certificate is made."""
        said = keygen("-Q", "-l", "-f", self._krl).splitlines()
        own = [line for line in said if not re.match(r"id: jitd:|# (Generated|CA key|Wildcard)|$", line)]
        return own, sorted(file.name for file in Path("/run").glob("jitd-ssh-*")), list(self.root.glob(".*"))

    def break_target(self) -> None:
        """ssh-keygen cannot be executed."""
        subprocess.run(["mount", "--bind", "/dev/null", KEYGEN], check=True)

    def mend_target(self) -> None:
        subprocess.run(["umount", "--lazy", KEYGEN], check=True)

    def remove_by_hand(self) -> None:
        """An administrator revokes what alice has."""
        self._collect("alice")
        for certificate in self._seen["alice"]:
            (self.root / "seen").write_bytes(certificate)
            (found,) = re.findall(r'Key ID: "(.*)"', keygen("-L", "-f", self.root / "seen"))
            line = ["ssh-keygen", "-q", "-k", "-u", "-s", "none", "-f", self._krl, "-"]
            subprocess.run(line, input=f"id: {found}\n", text=True, check=True)
