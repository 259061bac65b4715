# SPDX-License-Identifier: Apache-2.0
"""Checks a host, or some files. The module first checks all stacks. Then the module checks the effect of sudoers and sshd_config
on these stacks.
Law: a missing file is a finding only if the file was named by a person or by another file. A file that cannot be read is always a
finding.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from jitd.hosts import starting, sudoers
from jitd.hosts.findings import WEAK, Linted, Place, bad, merged, unknown, weak
from jitd.hosts.places import SSH, STACKS, NoFile, Places, Unreadable
from jitd.hosts.stack import KINDS, Handler, Source, Stack, read
from jitd_inspection.pamlint import beside, environment, ksu, loading, sshdconfig, sudoconf
from jitd_inspection.pamlint.gates import about_files, is_gate
from jitd_inspection.pamlint.judgement import Judgement, admits_somebody, judge
from jitd_inspection.pamlint.services import PAIRS, SERVICES, facts, is_fragment

SUDOERS, SSHD_CONFIG = "/etc/sudoers", f"{SSH}/sshd_config"
SWITCH, SUDO_CONF = "/etc/nsswitch.conf", "/etc/sudo.conf"
SSH_DEFAULTS, SSH_SCRIPT = "/etc/default/ssh", "/etc/init.d/ssh"
POLKIT = "polkit-1"  # the service by which polkit proves who somebody is
SHARED = ("common-auth", "common-account", "common-password", "common-session", "common-session-noninteractive")
EXEMPTS = "exempts-some"  # the finding that a gate is not asked about some people
PAM, OF_SUDO, OF_SSHD, OF_DOAS = "pam", "sudoers", "sshd_config", "doas.conf"
STACK_LINE = re.compile(rb"^[ \t]*(?:-?(?:auth|account|password|session)[ \t]|@include[ \t]+[^/\s]+[ \t]*$)", re.I | re.M)
SUDOERS_LINE = re.compile(rb"^[ \t]*(?:Defaults\b|(?:User|Host|Cmnd|Cmd|Runas)_Alias\b|\S+[ \t]+\S+[ \t]*=)", re.M)
SSHD_LINE = re.compile(
    rb"^[ \t]*(?:UsePAM|Subsystem|PermitRootLogin|AuthenticationMethods|GSSAPI\w+|Match|LoginGraceTime|MaxSessions|MaxStartups"
    rb"|PermitUserEnvironment|HostKey|PasswordAuthentication|Include)\b", re.I | re.M
)  # fmt: skip


def kind_of(path: str, data: bytes) -> str:
    """Return the kind of the file. The file's name or content shows the kind."""
    directory, _, name = path.rpartition("/")
    above = directory.rpartition("/")[2]
    if name == "sudoers" or above == "sudoers.d":
        return OF_SUDO
    if name == "sshd_config" or above == "sshd_config.d":
        return OF_SSHD
    if name == "doas.conf":
        return OF_DOAS
    if above == "pam.d":
        return PAM
    counts = {PAM: STACK_LINE, OF_SUDO: SUDOERS_LINE, OF_SSHD: SSHD_LINE}
    of_each = {kind: len(line.findall(data)) for kind, line in counts.items()}
    return max(of_each, key=lambda kind: of_each[kind])  # if nothing fits, the result is PAM, the first key


@dataclass(slots=True)
class _Round:
    places: Places
    beside: str = ""
    findings: list[Linted] = field(default_factory=list)
    judged: dict[str, Judgement] = field(default_factory=dict)
    user_may_be_target: bool = False
    is_blind: bool = False  # true if a stack exists but cannot be read

    def _other(self) -> Stack | None:
        source = self.places.included("other", self.beside) or self.places.included(f"{STACKS[1]}/other", "")
        return self._read("other", source) if source else None

    def _read(self, service: str, source: Source) -> Stack:
        return read(service, source, partial(self.places.included, beside=self.beside), self.places.libpam)

    def stacks(self, service: str, source: Source | None) -> dict[str, list[Handler]] | None:
        """Return the handlers that libpam calls. If the service has no handlers of a PAM kind, libpam calls the handlers of the
        service ``other``. Return None if libpam refuses the service.
        """
        own = self._read(service, source) if source else Stack(service, "")
        other = None if service == "other" or is_fragment(service) else self._other()
        self.findings += own.faults + (other.faults if other and other.is_refused else [])
        if own.is_refused or (other and other.is_refused):
            return None
        return {kind: own.handlers[kind] or (other.handlers[kind] if other else []) for kind in KINDS}

    def look_at(self, service: str, source: Source | None) -> Judgement:
        stacks = self.stacks(service, source)
        judgement = Judgement(is_refused=stacks is None)
        if stacks is not None:
            judgement = judge(service, stacks, user_may_be_target=self.user_may_be_target)
            for gate in judgement.gates:
                module = self.places.module(gate.module)
                judgement.findings += about_files(gate, self.places.who_may_change, module, service)
            if judgement.gates:
                judgement.findings += self._about_modules(service, stacks)
            twin = next((a for pair in PAIRS for a, b in (pair, pair[::-1]) if b == service and a in self.judged), None)
            if twin and self.judged[twin].gates and not judgement.gates and admits_somebody(service, stacks["account"]):
                self.findings.append(_twin(twin, service, source))
            elif twin and judgement.gates and not (self.judged[twin].gates or self.judged[twin].is_refused):
                self.findings.append(_twin(service, twin, None))
        self.judged[service] = judgement
        self.findings += judgement.findings
        return judgement

    def _about_modules(self, service: str, stacks: dict[str, list[Handler]]) -> Iterator[Linted]:
        """Warn of modules besides the gate, and of their files, that other accounts can change: modules run as root."""
        for handler in (handler for kind in KINDS for handler in stacks[kind] if not (handler.is_substack or is_gate(handler))):
            module = self.places.module(handler.module) if handler.module else ""
            if not (module or handler.may_be_missing) and handler.module and not handler.module.startswith("/"):
                told = f"{handler.module} is in none of libpam's directories: the line fails for everybody"
                yield bad("module-missing", handler.place, told, "install what has it, or take the line out", service)
            if not module and handler.module.startswith("/") and (because := self.places.who_may_put(handler.module)):
                told = f"{because}, and can put {handler.module} there: anybody who does becomes root"
                yield bad("file-open", handler.place, told, "take the line out", service)
            if module and (because := self.places.who_may_change(module)):
                told = f"{because}: anybody who does becomes root"
                yield bad("file-open", handler.place, told, f"chown root:root {module} && chmod go-w {module}", service)
            for path, what_for in beside.files_of(handler, is_setuid=facts(service).is_setuid):
                if because := self.places.who_may_put(path):
                    told = f"{because}, and {what_for}"
                    yield bad("file-open", handler.place, told, f"chown root:root {path} && chmod go-w {path}", service)

    def is_closed(self, service: str, *, like: str) -> bool:
        """True if the gate is effective in the stack of ``service``. Call this method if a setting makes a program use this
        stack. ``like`` is the service whose stack the program uses without the setting.
        """
        kept, self.findings = self.findings, []
        try:
            name = service.rpartition("/")[2].lower()  # libpam reads the name in this form
            stacks = self.stacks(name, self.places.stack(name))
            if stacks is None:
                return False
            return bool(judge(like, stacks, user_may_be_target=self.user_may_be_target).closed)
        except Unreadable:
            return False
        finally:
            self.findings = kept

    def judge_sudoers(self, settings: sudoers.Sudoers, file: str) -> None:
        """Find the effect of sudoers on the gates of sudo. If no stack of sudo was checked, assume that there is a gate in the
        PAM kind account, as in the files that jitd ships.
        """
        judged = [self.judged[service].closed for service in ("sudo", "sudo-i") if service in self.judged]
        for closed in judged or [{"account"}]:
            self.findings += sudoers.judge(settings, closed, partial(self.is_closed, like="sudo"))
        self.findings += environment.about_path(settings, file, self.places.who_may_put)
        self.findings += environment.about_variables(settings, self.places.who_may_put)

    def judge_sshd_config(self, source: Source | None, beside: str, start: starting.Start | None = None) -> None:
        """Find the effect of sshd_config and of sshd's command-line options on a gate of sshd."""
        config = sshdconfig.read(source, partial(self.places.of_sshd, beside=beside), start)
        file = source.file if source else start.place.file if start else SSHD_CONFIG
        self.findings += sshdconfig.judge(config, partial(self.is_closed, like="sshd"), file)

    def written_starts(self) -> list[starting.Start]:
        """Return all ways in which this host starts sshd."""
        found: list[starting.Start] = []
        units = self.places.units()
        for unit in units:
            found += starting.by_unit(unit, self.places.of_pattern)
        if not units or self.places.read(SSH_SCRIPT):
            defaults = self.places.read(SSH_DEFAULTS)
            found += filter(None, [starting.by_default_file(defaults)] if defaults else [])
        return found

    def judge_sshd(self) -> None:
        """Check the settings of each sshd that this host starts, and of each running sshd."""
        try:
            starts = [*self.written_starts(), *starting.running(self.places.processes())]
        except OSError as fault:
            told = f"how sshd is started cannot be judged: {fault}"
            self.findings.append(unknown("unreadable", Place(SSHD_CONFIG), told, "run pam-lint as root", "sshd"))
            starts = []
        for start in (starting.Start(Place(SSHD_CONFIG)), *starts):
            if start.doubt:
                told = f"it is not known whether this sshd asks PAM: {start.doubt}"
                self.findings.append(unknown("sshd-in-doubt", start.place, told, "ask sshd itself: sshd -T", "sshd"))
            elif start.config.lower() == "none":
                self.judge_sshd_config(None, "", start)
            elif source := self.source(start.config or SSHD_CONFIG, is_named=bool(start.config)):
                before = dict(self.places.used)
                self.places.used.clear()
                self.judge_sshd_config(source, "", start)
                read = [source.file, *self.places.used]
                self.places.used |= before
                if start.since is not None and (other := next(self._seen_otherwise(start, (*read, *before)), "")):
                    told = f"at the path {other} this sshd sees another file than the file that was judged"
                    self.findings.append(unknown("sshd-in-doubt", start.place, told, "look at its mounts: nsenter -m", "sshd"))
                if start.since is not None and (newer := self._newer(read, start.since)):
                    told = f"{newer} was changed after this sshd was started: this sshd still uses the old {newer}"
                    self.findings.append(unknown("sshd-in-doubt", start.place, told, "systemctl reload ssh", "sshd"))

    def _seen_otherwise(self, start: starting.Start, files: Sequence[str]) -> Iterator[str]:
        """Yield each of ``files`` that a running sshd sees differently: it may have its own mount namespace."""
        return (file for file in files if not self.places.is_same_to(start.place.file.split("/")[2], file))

    def _newer(self, files: Sequence[str], since: float) -> str:
        return next((file for file in files if self.places.changed_at(file) > since), "")

    def judge_surroundings(self) -> None:
        """Add findings about libraries that are loaded into root's programs, and about links that can mislead these programs.
        Also check the files that this module has read, and the files that Python loads. Add a finding for each file that an
        account other than root can change.
        """
        places = self.places
        self.findings += loading.preloaded(self.source(loading.PRELOAD), places.who_may_put)
        self.findings += loading.searched(self.source(loading.CONF), places.of_pattern, places.who_may_put)
        self.findings += loading.links(places.of_kernel)
        libraries = [path for pattern in loading.PYTHON for path in places.matching(pattern)]
        for path in (*places.used, loading.PRELOAD, *libraries):
            if because := places.who_may_put(path) or (path in libraries and places.who_may_change_below(path)):
                told = f"{because}: anybody who does decides about whom jitd is asked"
                self.findings.append(bad("file-open", Place(path), told, f"chown root:root {path} && chmod go-w {path}"))

    def sudoers(self, source: Source) -> sudoers.Sudoers:
        """Read sudoers, and note whether its settings make sudo put the target account into PAM_USER."""
        settings = sudoers.read(source, self.places.of_sudoers)
        self.user_may_be_target = any(map(settings.is_on, sudoers.TARGETS))
        return settings

    def source(self, path: str, *, is_named: bool = False) -> Source | None:
        """Return the file at ``path``, or None if the file is missing or cannot be read. An unreadable file is added to the
        findings. If ``is_named`` is True, a missing file is added, too.
        """
        try:
            source = self.places.read(path)
        except Unreadable as fault:
            mend = "name a regular file" if isinstance(fault, NoFile) else "run pam-lint as root"
            self.findings.append(unknown("unreadable", Place(path), f"it cannot be judged: {fault}", mend))
            return None
        if source is None and is_named:
            self.findings.append(unknown("unreadable", Place(path), "there is no such file", "name one that is there"))
        return source


def _twin(gated: str, bare: str, source: Source | None) -> Linted:
    place = Place(source.file if source else f"{STACKS[0]}/{bare}")
    typed = {"sudo-i": "sudo -i", "su-l": "su -"}.get(bare, bare)
    sentence = f"{gated} asks jitd and {bare} does not: anybody who types {typed} bypasses the gate"
    return bad("twin-without-gate", place, sentence, f"put the gate of {gated} into {place.file} too", bare)


@dataclass(frozen=True, slots=True)
class Gates:
    """What is known about the gates of a host. ``stacks`` has the handlers that libpam calls for a service, by PAM kind, or None
    if libpam refuses the service. ``findings`` are those of ``lint_host``.
    """

    findings: list[Linted]
    judged: dict[str, Judgement]
    stacks: dict[str, dict[str, list[Handler]] | None]

    def holds(self, service: str, *, for_root: bool = False) -> bool:
        """True if nobody gets in by ``service`` without jitd. ``for_root`` is true if the question is about logins as root, which
        a gate of a daemon usually leaves alone.
        """
        judgement = self.judged.get(service)
        if judgement is None or not judgement.closed or (for_root and judgement.admits_root):
            return False
        about_it = [one for one in self.findings if not one.services or service in one.services]
        return not any(one.severity != WEAK or one.name == EXEMPTS for one in about_it)


def gates_of_host(places: Places) -> Gates:
    """Return what is known about the gates of this host."""
    look = _look_at_host(places)
    services = [service for service in (*SERVICES, POLKIT) if not is_fragment(service)]
    look.findings, found = [], merged(look.findings)
    stacks: dict[str, dict[str, list[Handler]] | None] = {}
    for service in services:
        with suppress(Unreadable):
            stacks[service] = look.stacks(service, places.stack(service))
    return Gates(found, look.judged, stacks)


def starts_of_sshd(places: Places) -> list[starting.Start]:
    """Return all ways in which this host starts sshd. Raises OSError."""
    return _Round(places).written_starts()


def lint_host(places: Places) -> list[Linted]:
    """Check the services of this host, its sudoers and its sshd_config."""
    return merged(_look_at_host(places).findings)


def _look_at_host(places: Places) -> _Round:
    look = _Round(places)
    source = look.source(SUDOERS)
    settings = look.sudoers(source) if source else None
    known = [look.findings.pop()] if look.findings else []  # the finding about sudoers, which is reported only if sudo has a gate
    for service in (*SERVICES, *SHARED):
        try:
            stack = places.stack(service)
        except Unreadable as fault:
            told = f"it cannot be judged: {fault}"
            look.findings.append(unknown("unreadable", Place(f"{STACKS[0]}/{service}"), told, "run pam-lint as root", service))
            look.is_blind = True
            continue
        is_twin = any(service == second and first in look.judged and look.judged[first].gates for first, second in PAIRS)
        if stack is not None or is_twin:
            look.look_at(service, stack)
    gated = {service for service, judgement in look.judged.items() if judgement.gates}
    if gated & {"sudo", "sudo-i"}:
        look.findings += known
        if settings:
            look.judge_sudoers(settings, SUDOERS)
        look.findings += sudoconf.judge(look.source(SUDO_CONF), look.source(SWITCH), places.who_may_put)
    if "sshd" in gated:
        look.judge_sshd()
    is_known = not any(judgement.is_refused for judgement in look.judged.values()) and not look.is_blind
    if is_known and not any(judgement.gates for judgement in look.judged.values()):
        told = "no stack here asks jitd: sudo, su and logins follow their own rules alone"
        look.findings.append(
            weak("no-gate", Place(STACKS[0]), told, "if they should ask jitd: /usr/share/jitd/pam.d has the lines")
        )
    if gated & {"sudo", "su", "doas"} and places.is_setuid(ksu.KSU):
        look.findings += ksu.of_ksu(look.source(path) for path in ksu.LISTS)
    if gated:
        look.judge_surroundings()
    return look


def lint_files(files: Sequence[str], places: Places) -> list[Linted]:
    """Check ``files``, and all files that they include. The name of a stack's file is treated as the name of its service."""
    look = _Round(places)
    named: dict[str, list[Source]] = {PAM: [], OF_SUDO: [], OF_SSHD: [], OF_DOAS: []}
    for file in files:
        if source := look.source(os.path.abspath(file), is_named=True):
            named[kind_of(source.file, source.data)].append(source)
    settings = [(source, look.sudoers(source)) for source in named[OF_SUDO]]
    look.user_may_be_target = any(one.is_on(name) for _, one in settings for name in sudoers.TARGETS)
    for source in named[PAM]:
        look.beside, _, service = source.file.rpartition("/")
        judgement = look.look_at(service, source)
        if not (judgement.gates or judgement.is_refused or is_fragment(service) or service == "other"):
            told = "nothing in it asks jitd"
            look.findings.append(
                weak("no-gate", Place(source.file), told, "if it should ask jitd: /usr/share/jitd/pam.d has the lines", service)
            )
    look.beside = ""
    for source, one in settings:
        look.judge_sudoers(one, source.file)
    for source in named[OF_SSHD]:
        look.judge_sshd_config(source, source.file.rpartition("/")[0])
    return merged(look.findings)
