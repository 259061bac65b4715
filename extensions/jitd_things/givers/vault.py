# SPDX-License-Identifier: Apache-2.0
"""The kind ``vault``: a lease of a server of leases. Its keys are the path at which a lease is read, and the way to reach the
server.
Law: a path is refused if a request to this path could do more than give a lease. Only the daemon reads the keys that tell how to
reach the server: jitd-givers does not see their files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jitd.beside.processes import Helper
from jitd.core.conditions import literally
from jitd.core.toml_table import Table, quoted
from jitd_outsiders.asking.settings import Reach, reach_in
from jitd_outsiders.outside.urls import MOST_PARAMETERS, NAMESPACE, OURS, PARAMETER, PATH, read_url
from jitd_things.givers.settings import GiverSettings

MOST_VALUE = 1000  # characters of a parameter's value


@dataclass(frozen=True, slots=True)
class Vault(GiverSettings):
    """A lease of a Vault server, at the path ``role`` of ``namespace``, if any. ``by.secret`` is the token's file."""

    KIND = "vault"
    KEYS = ("url", "role", "secret", "namespace", "parameters", "addresses", "ca", "client_certificate")
    HAS_SECRET = True
    BRINGS_KEY = "may"  # for each of them, jitd.toml says whether the server signs a key
    IS_MENDED = False

    by: Reach = Reach("")
    role: str = ""
    namespace: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def helper(self) -> Helper:
        return self.by.helper

    @property
    def needs_key(self) -> bool:
        return self.signs

    @property
    def signs(self) -> bool:
        """True if the server signs a key that the person supplies. In this case, the path of the lease ends with sign/NAME."""
        return self.role.split("/")[-2:-1] == ["sign"]

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        return {**_lease(table), "by": Reach(_server(table))}

    @classmethod
    def read_in_daemon(cls, table: Table, owner: int | None, keys_at: Path) -> dict[str, object]:
        return {**_lease(table), "by": reach_in(table, "vault", owner, keys_at, _server(table))}

    @property
    def key_files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.by.certificate, self.by.secret) if file is not None)

    def sentences(self) -> tuple[str, ...]:
        within = f" in the namespace {self.namespace}" if self.namespace else ""
        sent = f", with {', '.join(f'{name}={value}' for name, value in self.parameters)}" if self.parameters else ""
        what = "have their own key signed at" if self.signs else "have a lease of"
        return (f"{what} {self.role} by {self.by.url.rstrip('/')}{within}{sent}",)


def _lease(table: Table) -> dict[str, object]:
    """Return the path of the lease on the server, the namespace of the path, and the parameters of the request."""
    table.needs("url", "role", "secret")
    role, namespace = table.text("role", ""), table.text("namespace", "")
    if "role" in table.values and not PATH.fullmatch(role):
        table.fault('"role" must be the path of a lease, such as "database/creds/reporting", and not below auth or sys', "role")
    if "namespace" in table.values and not NAMESPACE.fullmatch(namespace):
        table.fault('"namespace" must be the path of a namespace, such as "team/app"', "namespace")
    return {"role": role, "namespace": namespace, "parameters": _parameters(table.table("parameters"))}


def _parameters(table: Table) -> tuple[tuple[str, str], ...]:
    found = {}
    for name in table.values:
        if name in OURS:
            table.fault(f"{quoted(name)} cannot be a parameter: jitd itself sets what is signed, and for how long", name)
        elif not PARAMETER.fullmatch(name):
            table.fault(f"{quoted(name)} is not the name of a parameter: small letters, digits and underscores", name)
        value = table.text(name, "")
        if isinstance(table.values[name], str) and not (value.isascii() and value.isprintable() and 0 < len(value) <= MOST_VALUE):
            table.fault(f"{quoted(name)} must be 1 to {MOST_VALUE} printable characters of ASCII", name)
        elif literal := literally(value):
            table.fault(f"{quoted(name)}{literal}", name)
        found[name] = value
    if len(found) > MOST_PARAMETERS:
        table.fault(f'"parameters" has more than {MOST_PARAMETERS} parameters')
    return tuple(sorted(found.items()))


def _server(table: Table) -> str:
    """Return the server's URL, with a slash at its end. Each fault is added to the table only once."""
    text = table.text("url", "")
    if "url" not in table.values or not isinstance(table.values["url"], str):
        return ""
    try:
        found = read_url(text)
    except ValueError as fault:
        table.fault(f'"url" {fault}', "url")
        return ""
    if found.scheme != "https" or found.target != "/":
        table.fault('"url" must be https:// and the host of the server, such as "https://vault.example.org:8200"', "url")
    return str(found)
