# SPDX-License-Identifier: Apache-2.0
"""What root is told of this host: the examinations, each from its looks to its findings.

Law: the order is that of the reasons: what is found first may be why the rest is as it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from jitd.core.document import ConfigError
from jitd.core.policy import Rule, is_here
from jitd.doctor.checks import files, host, housing, kerberos, pam, people, running, state
from jitd.doctor.checks.finding import BAD, OK, Finding, bad, unknown, weak, word
from jitd.doctor.checks.people import Known
from jitd.doctor.looks import files as look_at_files
from jitd.doctor.looks import host as look_at_host
from jitd.doctor.looks import housing as look_at_housing
from jitd.doctor.looks import pam as look_at_pam
from jitd.doctor.looks import running as look_at_running
from jitd.doctor.looks import state as look_at_state
from jitd.doctor.round import Examination
from jitd.monitor.pam_session import STACK
from jitd.settings import config as configuration
from jitd.settings import policyfile
from jitd.settings.config import Config
from jitd.store import StoreError
from jitpam import __version__
from jitpam.initiator import own_host


@dataclass
class House:
    """This host as the settings describe it. ``faults`` are those of the settings; ``config`` holds defaults then."""

    config: Config
    file: Path
    faults: tuple[str, ...] = ()
    is_default: bool = True

    @property
    def database(self) -> Path:
        """Where the record is."""
        return self.config.state / "jitd.db"

    @property
    def realm(self) -> str:
        """The realm of the host's own key."""
        realms = self.config.realms
        return (
            min(realms) if len(realms) == 1 else configuration.default_realm(configuration.KRB5_CONF) or min(realms, default="")
        )

    @property
    def service(self) -> str:
        """The daemon's own name."""
        return f"jitd/{self.config.host}@{self.realm}"

    @property
    def is_booted(self) -> bool:
        """True where systemd is process 1, and this is the daemon that it starts."""
        return look_at_running.BOOTED.is_dir() and self.is_default

    @cached_property
    def running(self) -> running.Running:
        """The daemon's process."""
        return look_at_running.daemon(self.config.state)

    @property
    def start(self) -> str:
        """How the daemon is started, as it is typed."""
        if self.is_booted:
            return "systemctl enable --now jitd.service"
        return f"setsid -f jitd serve{'' if self.is_default else f' --config {word(str(self.file))}'}"

    @property
    def restart(self) -> str:
        """How the daemon is started anew."""
        if self.is_booted:
            return "systemctl restart jitd.service"
        return f"kill {self.running.pid} && sleep 2 && {self.start}" if self.running.pid else self.start

    @property
    def bind(self) -> str:
        """How the socket is made anew: where systemd holds it, the daemon alone does not make one."""
        return "systemctl restart jitd.socket jitd.service" if self.is_booted else self.restart

    @property
    def reload(self) -> str:
        """How the policy is read again."""
        socket = str(self.config.socket)
        return "jitd reload" if self.is_default else f"JITD_SOCKET={word(socket)} jitd reload"

    def rules(self) -> tuple[list[Rule], int]:
        """The rules that are about this host, and how many there are of all. Raises ConfigError."""
        policy = policyfile.load(self.config.policy, root=self.config.root)
        here = [rule for rule in policy.rules if is_here(rule, self.config.host)]
        return here, len(policy.rules)

    # --- the examinations ---------------------------------------------------------------------------------------------

    def installation(self) -> Iterator[Finding]:
        """The programs."""
        yield files.python("python", sys.version_info[:2], sys.executable)
        yield files.installed("installed", *look_at_files.installed())

    def settings(self) -> Iterator[Finding]:
        """jitd.toml, and what stands in it."""
        yield files.above("settings.directory", look_at_files.see_above(self.file))
        if os.path.lexists(self.file):
            yield files.closed("settings.file", look_at_files.see(self.file), "the settings")
        yield from running.faults("settings.whole", self.faults, f"{self.file} has no fault")
        for place in dict.fromkeys(self.config.search_path.split(":")):
            finding = files.above("settings.search_path", look_at_files.see_above(Path(place, "command")))
            if finding.level == BAD:
                yield finding
        kerberos_files = [str(path) for path in configuration.kerberos_files(configuration.KRB5_CONF)]
        yield files.plugins("settings.kerberos", look_at_files.changeable((*kerberos_files, *look_at_files.MECHANISMS)))
        yield host.root_setting(self.config.root, str(self.file))

    def policy(self) -> Iterator[Finding]:
        """The policy's files."""
        directory = self.config.policy
        yield files.above("policy.directory", look_at_files.see_above(directory / "policy"))
        faults: tuple[str, ...] = ()
        n = 0
        try:
            n = len(policyfile.load(directory, root=self.config.root).rules)
        except ConfigError as error:
            faults = tuple(map(str, error.faults))
        for file in sorted(directory.glob("*.toml")):
            finding = files.closed("policy.file", look_at_files.see(file), "a policy file")
            if finding.level != OK:
                yield finding
        if not faults and not n:
            yield bad(
                "policy.whole",
                f"{directory} holds no rule: nobody is permitted anything",
                "write one: jitd-policy(5) has examples",
            )
        else:
            yield from running.faults("policy.whole", faults, f"{directory} has no fault ({n} rule{'' if n == 1 else 's'})")

    def names(self) -> Iterator[Finding]:
        """Host and realms."""
        realm = configuration.default_realm(configuration.KRB5_CONF)
        yield from kerberos.names(self.config.host, own_host(), sorted(self.config.realms), realm, str(self.file))

    def keytab(self) -> Iterator[Finding]:
        """The key's file."""
        path = self.config.keytab
        seen = look_at_files.see(path)
        if seen.is_missing:
            make = f"kadmin -q {word(f'addprinc -randkey {self.service}')}; {kerberos.renewal(str(path), self.service)}"
            yield bad("keytab.file", f"there is no {path}: nobody can authenticate", command=make)
            return
        yield files.secret("keytab.file", seen, "the keytab")
        yield from kerberos.keys(str(path), self.service, *look_at_files.read(path))

    def kdc(self) -> Iterator[Finding]:
        """A real exchange, and the other realms."""
        keytab = self.config.keytab
        if not keytab.exists():
            yield unknown("kdc.reachable", "without a keytab the KDC cannot be asked", "make the keytab first, see above")
            return
        from jitd.doctor.looks import kerberos as look_at_kerberos

        look_at_kerberos.alone()
        found = look_at_kerberos.exchange(keytab, self.service)
        yield from kerberos.exchange(str(keytab), self.service, found)
        if found.code == 0:
            for realm in sorted(self.config.realms - {self.realm}):
                yield kerberos.crossing(realm, self.realm, *look_at_kerberos.crossing(keytab, self.service, realm))

    def clocks(self) -> Iterator[Finding]:
        """Time."""
        yield from host.clocks(look_at_host.clocks())

    def name_service(self) -> Iterator[Finding]:
        """NSS."""
        groups = [entry.removeprefix("group:") for entry in self.config.operators if entry.startswith("group:")]
        took, finds_root = look_at_host.name_service(groups)
        yield host.name_service(took, f"{len(groups) + 2} look-ups", finds_root=finds_root)
        yield host.least_uid(self.config.min_uid, look_at_host.least_uid_of_people(), str(self.file))

    def people(self) -> Iterator[Finding]:
        """Operators, requesters, approvers."""
        try:
            rules, n = self.rules()
        except ConfigError:
            yield unknown("rules.people", "the policy has faults, so whom it names is not known", "correct the faults, see above")
            rules, n = [], 0
        known = self._known(people.words_of(rules, self.config.operators))
        yield from people.operators(self.config.operators, known, str(self.file))
        yield from people.accounts(known, str(self.file))
        if rules:
            yield from people.rules(rules, known)
        elif n:
            mend = f"see hosts in the rules of {self.config.policy}"
            yield weak("rules.people", f"no rule is about this host, {self.config.host}: nobody is permitted anything", mend)

    def _known(self, words: frozenset[str]) -> Known:
        config, listed = self.config, look_at_host.everybody()
        groups = look_at_host.members(sorted({entry[6:] for entry in words if entry.startswith("group:")}), listed or {})
        known = Known(groups, {}, config.min_uid, config.realms, config.principals, config.people, is_whole=listed is not None)
        users = {user for members in groups.values() for user in members or ()}
        users |= {account for entry in words if not entry.startswith("group:") and (account := known.account(entry))}
        users |= {*config.principals.values(), *(account for accounts in config.people.values() for account in accounts)}
        return replace(known, users=look_at_host.uids(sorted(users), listed or {}))

    def socket(self) -> Iterator[Finding]:
        """The socket, and who answers there."""
        path = self.config.socket
        yield from running.there(self.running, self.start)
        yield files.above("socket.directory", look_at_files.see_above(path))
        yield files.socket("socket.mode", look_at_files.see(path), self.bind)
        if self.running.pid:  # where systemd holds the socket, to connect would start one
            yield running.answer(look_at_running.ask(path)[0], self.config.host, self.restart)
            yield from running.lanes(look_at_running.lanes(path.parent / "lanes"))

    def in_force(self) -> Iterator[Finding]:
        """What the daemon goes by."""
        if not self.running.pid:
            return
        yield running.version(self.running, look_at_files.installed_at(), __version__, self.restart)
        yield running.settings(look_at_running.changed_at(self.file), self.running, str(self.file), self.restart)
        digest, n = None, 0
        try:
            policy = policyfile.load(self.config.policy, root=self.config.root)
            digest, n = policy.digest, len(policy.rules)
        except ConfigError:
            pass
        yield running.policy(look_at_state.policy_in_force(self.database), digest, n, self.reload)

    def state(self) -> Iterator[Finding]:
        """The state directory."""
        directory = self.config.state
        if not directory.is_dir():
            yield bad("state.directory", f"there is no {directory}", "the daemon makes it", command=self.start)
            return
        yield files.above("state.directory", look_at_files.see_above(self.database))
        found = look_at_state.file_system(directory)
        yield from state.file_system(str(directory), found)
        limits = self.config.recordings
        kept = look_at_state.kept(directory)
        yield from state.recordings(kept, found.free, limits.mib_in_all * state.MIB, limits.days, str(self.file))

    def record(self) -> Iterator[Finding]:
        """The database."""
        if os.path.lexists(self.database):
            yield files.secret("state.secret", look_at_files.see(self.database), "the database")
        yield from state.record(str(self.database), look_at_state.record(self.database, is_alone=not self.running.pid))

    def executor(self) -> Iterator[Finding]:
        """What houses runs."""
        with_units = self.config.executor == "unit" or (self.config.executor == "auto" and look_at_running.BOOTED.is_dir())
        if with_units and not look_at_running.BOOTED.is_dir():
            yield bad(
                "systemd.booted",
                'executor = "unit", and systemd is not process 1 here',
                f'in {self.file}: executor = "auto"',
            )
            with_units = False
        yield from housing.groups(look_at_housing.groups(None if with_units else self.running.pid))
        if with_units:
            try:
                found = look_at_housing.units()
            except OSError as fault:
                yield bad("systemd.answers", f"systemd does not answer: {fault}", "see journalctl -p err -b")
                return
            yield from housing.units(found)
            yield from housing.launcher(found[housing.LAUNCHER])
            slice_state = found["jitd.slice"].load if "jitd.slice" in found else ""
            yield housing.scopes(look_at_housing.why_no_bus(), slice_state)
        run_dir = self.config.socket.parent
        yield from housing.run_directory(str(run_dir), look_at_state.kind_of(run_dir))
        try:
            left = look_at_housing.leftovers(run_dir, self.database, with_scopes=with_units, is_alone=not self.running.pid)
        except (OSError, StoreError) as fault:
            yield unknown(
                "runs.left", f"what is left of runs cannot be told: {fault}", "see what is said of the database and of systemd"
            )
            return
        yield from housing.leftovers(*left, str(run_dir), self.restart)

    def pam(self) -> Iterator[Finding]:
        """The stack, and a session."""
        path = STACK
        seen = look_at_files.see(path)
        yield files.closed("pam.file", seen, "the stack of contrib/pam.d/jitd")
        if not seen.is_missing:
            yield from pam.stack(path, *look_at_pam.stack())
            yield pam.rehearsal(*look_at_pam.rehearse())

    def gates(self) -> Iterator[Finding]:
        """The stacks of other programs that ask jitd, as they are written and as they answer."""
        found, services = look_at_pam.linted(), look_at_pam.gated()
        asking = [*services["account"], *services["session"]]
        yield from pam.gates(found, asking)
        yield from pam.links(found, asking)
        for service in services["account"]:
            yield pam.knocked(service, look_at_pam.knock(service, pam.STRANGER), look_at_pam.knock(service, "root"))

    def logins(self) -> Iterator[Finding]:
        """Those that ask in ``session``, as they answer. By itself, because login lets a refusal stand for two seconds."""
        for service in look_at_pam.gated()["session"]:
            yield pam.tried_session(service, look_at_pam.open_session(service, pam.STRANGER))

    def examinations(self) -> list[Examination]:
        """All of them."""
        disk = "see dmesg, and mount: a disk or a file server does not answer"
        accounts = "see what /etc/nsswitch.conf names for passwd and group: a directory server does not answer"
        return [
            Examination("installed", self.installation, "the programs' files cannot be read", disk),
            Examination("settings", self.settings, f"{self.file.parent} cannot be read", disk),
            Examination("policy", self.policy, f"{self.config.policy} cannot be read", disk),
            Examination("host.name", self.names, "this host's name cannot be found out", "write its full name into /etc/hosts"),
            Examination("keytab", self.keytab, f"{self.config.keytab} cannot be read", disk),
            Examination(
                "kdc.reachable", self.kdc, f"the KDC of {self.realm} does not answer",
                f"see that it runs, and that port 88 is open towards it: /etc/krb5.conf, [realms] {self.realm} = {{ kdc = … }}",
            ),
            Examination("clock", self.clocks, "the clock cannot be read"),
            Examination("nss.speed", self.name_service, "accounts and groups are not found", accounts),
            Examination("rules.people", self.people, "those whom rules name are not found", accounts),
            Examination("daemon.answers", self.socket, "the daemon does not answer", self.restart_in_words),
            Examination("daemon.version", self.in_force, "what the daemon goes by cannot be found out", disk),
            Examination("state", self.state, f"{self.config.state} does not answer", disk),
            Examination("record", self.record, "the record cannot be read", "have it proved: jitd audit verify"),
            Examination("executor", self.executor, "systemd, or the kernel, does not answer", "see journalctl -p err -b"),
            Examination("pam.opens", self.pam, "PAM does not open a session", "see which module of /etc/pam.d/jitd waits"),
            Examination("pam.gates", self.gates, "a stack that asks jitd does not answer", "see which module of it waits"),
            Examination("pam.gates", self.logins, "a login's stack does not answer", "see which module of its session waits"),
        ]  # fmt: skip

    @property
    def restart_in_words(self) -> str:
        """The mend for a daemon that is silent: nothing is looked at for it, since that may be what hangs."""
        return f"start it anew: {self.start}" if not self.is_booted else f"start it anew: {self.restart}"
