# SPDX-License-Identifier: Apache-2.0
"""A realm whose database is an LDAP directory, which has what db2 has not: aliases, and who may delegate to whom.

Law: slapd listens on a socket in the realm's directory alone, and ends with the realm.
"""

from __future__ import annotations

import gzip
import socket
import subprocess
from pathlib import Path

from tests.krb5.realm import Realm
from tests.waiting import wait_for

SUFFIX, ADMIN, PASSWORD = "cn=krb5", "cn=admin,cn=krb5", "directory"
SCHEMA = Path("/usr/share/doc/krb5-kdc-ldap/kerberos.openldap.ldif.gz")
CONFIG = """\
dn: cn=config
objectClass: olcGlobal
cn: config

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file://{where}/kerberos.ldif

dn: olcDatabase=mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: mdb
olcSuffix: {suffix}
olcRootDN: {admin}
olcRootPW: {password}
olcDbDirectory: {where}/data
olcDbIndex: krbPrincipalName eq
"""
MODULES = """\
[dbmodules]
    directory = {{
        db_library = kldap
        ldap_kerberos_container_dn = {suffix}
        ldap_kdc_dn = {admin}
        ldap_kadmind_dn = {admin}
        ldap_service_password_file = {where}/password
        ldap_servers = {uri}
    }}
"""


class DirectoryRealm(Realm):
    """A Realm in a slapd of its own."""

    _slapd: subprocess.Popen[bytes]

    @property
    def uri(self) -> str:
        """Where slapd listens."""
        return "ldapi://" + f"{self.where}/ldap".replace("/", "%2F")

    def create(self) -> None:
        """Start slapd, make the realm in it, and start both servers."""
        names = {"where": self.where, "suffix": SUFFIX, "admin": ADMIN, "password": PASSWORD, "uri": self.uri}
        for directory in ("config", "data"):
            (self.where / directory).mkdir()
        (self.where / "kerberos.ldif").write_bytes(gzip.decompress(SCHEMA.read_bytes()))
        self.run("slapadd", "-n", "0", "-F", f"{self.where}/config", stdin=CONFIG.format(**names))
        words = ["/usr/sbin/slapd", "-d", "0", "-h", self.uri, "-F", f"{self.where}/config"]
        self._slapd = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._listens, what="slapd")
        self.for_realm = "        database_module = directory\n"
        self.for_servers = MODULES.format(**names)
        self.write()
        (self.where / "kadm5.acl").write_text(f"*/admin@{self.name} *\n")
        self.run("kdb5_ldap_util", "-D", ADMIN, "-w", PASSWORD, "-H", self.uri, "create", "-s", "-P", "master", "-r", self.name)
        self.run("kdb5_ldap_util", "stashsrvpw", "-f", f"{self.where}/password", ADMIN, stdin=f"{PASSWORD}\n" * 2)
        self.start()

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{self.where}/ldap") == 0

    def stop(self) -> None:
        """End the servers, and then slapd."""
        super().stop()
        self._slapd.terminate()
        self._slapd.wait()

    def change(self, principal: str, *lines: str) -> None:
        """Change a principal's entry by lines of LDIF."""
        name = f"krbPrincipalName={principal}@{self.name},cn={self.name},{SUFFIX}"
        text = "\n".join([f"dn: {name}", "changetype: modify", *lines, ""])
        self.run("ldapmodify", "-x", "-H", self.uri, "-D", ADMIN, "-w", PASSWORD, stdin=text)

    def add_alias(self, principal: str, *aliases: str) -> None:
        """Other names of a principal, which keeps its own as the canonical one."""
        names = [f"krbPrincipalName: {alias}@{self.name}" for alias in aliases]
        self.change(principal, "add: krbPrincipalName", *names, "-", "add: krbCanonicalName",
                    f"krbCanonicalName: {principal}@{self.name}")  # fmt: skip
