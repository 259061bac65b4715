# SPDX-License-Identifier: Apache-2.0
"""The steps of ``jitd setup``: what was found on the host, and a person's answers, become a list of steps.

Law: a step shows exactly what it does: the text that a person reads before they consent is made of the commands and files that
are then used. No step removes a key, replaces a file that somebody has changed, or changes a file that is not jitd's.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jitd_inspection.doctor.finding import listed, word
from jitd_inspection.doctor.kerberos import HOSTS, KEEPS_PASSWORD, OWN, enrolment, renewal

MIT, FREEIPA, AD = "mit", "freeipa", "ad"
KINDS = {MIT: "MIT Kerberos", FREEIPA: "FreeIPA", AD: "Active Directory"}  # they differ in how a principal and its key are made
PRIVATE = "/run/jitd-setup"  # a directory that only root enters, and that is there only while a key is made
TICKET = f"FILE:{PRIVATE}/ticket"  # the cache of the realm's administrator, destroyed when the key has been made
BRIEFLY = ("-l", "10m")  # options of kinit(1): if this process is killed, its ticket ends all the same
SETTINGS = "/etc/jitd/jitd.toml"
POLICY = "/etc/jitd/policy.d"
ENCTYPES = "permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96"  # of [libdefaults]: adcli(8) has AES alone
ACCOUNT = "svc-jitd-"
MOST_ACCOUNT = 20  # characters of an account's name in Active Directory ([MS-SAMR], `sAMAccountName` of a user)
TERMINALS, NOBODY, MAIL = "terminals", "nobody", "mail"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found on the host.

    ``realm`` is empty if krb5.conf has no default realm. ``because`` says what shows its kind. ``domain`` is the domain that SSSD
    puts behind the name of each account, or empty. ``server`` is the FreeIPA server. ``keytabs`` maps each keytab to the
    principals that have a key in it. ``settings`` is the text of jitd.toml, ``shipped`` that of the file that is installed.
    ``keytab``, ``forms``, ``mailed`` and ``policy`` are what jitd.toml says: the keytab, the realms with a form of account, the
    addresses of the channel MAIL, and the directory of the rules. ``rules`` are the names of
    all permits, ``files`` the text of each file of rules.
    ``helpers`` are commands: each lets a helper listen that jitd.toml needs and that does not. ``mailer`` is the one of the
    helper that sends mail, or empty.
    ``missing`` are the programs that are not installed, of those that a step may run. ``has_enctypes`` is true if krb5.conf has
    permitted_enctypes, ``has_joined`` if the host has an account in the domain. ``search_path`` is where jitd looks for commands,
    ``start`` the command that starts jitd. ``access`` is what to write so that the rules of the domain about who may use this
    host decide too, or empty.
    """

    host: str
    realm: str
    kind: str = MIT
    because: str = ""
    domain: str = ""
    server: str = ""
    keytabs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: str | None = None
    shipped: str = ""
    keytab: str = OWN
    forms: frozenset[str] = frozenset()
    mailed: tuple[str, ...] = ()
    policy: str = POLICY
    rules: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    helpers: tuple[str, ...] = ()
    mailer: str = ""
    access: str = ""
    has_enctypes: bool = True
    has_joined: bool = False
    is_booted: bool = True
    is_enabled: bool = False
    is_active: bool = False
    search_path: str = ""
    start: str = ""
    robots: tuple[str, ...] = ()
    """Sentences about system accounts that use sudo now and may not ask jitd, and what lets them ask."""

    @property
    def service(self) -> str:
        """jitd's principal, without its realm."""
        return f"jitd/{self.host}"

    @property
    def has_key(self) -> bool:
        """True if the keytab of the settings has jitd's key."""
        return self.has_key_in(self.keytab)

    def has_key_in(self, keytab: str) -> bool:
        return f"{self.service}@{self.realm}" in self.keytabs.get(keytab, ())


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person has answered. None is a question that is still open. ``admin`` is the principal that may make service
    principals, and empty if nobody here may. ``requester`` and ``approver`` are as in a rule (``group:dba``). ``tell`` is
    TERMINALS, NOBODY, or a mail address. ``rule`` is the name of the rule; by default it is made of the command.
    """

    admin: str | None = None
    requester: str | None = None
    approver: str | None = None
    command: tuple[str, ...] | None = None
    tell: str | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """An open question: the field of Answers, the option, and what Enter means, or None if there is no default."""

    name: str
    flag: str
    text: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program. ``has_ticket``: KRB5CCNAME is the administrator's. If it says ``unless``, what it makes is there."""

    line: tuple[str, ...]
    has_ticket: bool = False
    unless: str = ""

    def __str__(self) -> str:
        return (f"KRB5CCNAME={TICKET} " if self.has_ticket else "") + " ".join(map(word, self.line))


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file that is not there, or that is as it was installed (``before``)."""

    path: str
    text: str
    before: str | None = None

    def __str__(self) -> str:
        """What is new in the file."""
        lines = difflib.ndiff((self.before or "").split("\n"), self.text.split("\n"))
        return "\n".join(line[2:] for line in lines if line.startswith("+ ")).strip("\n")


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until ``keytab`` has a key of ``principal``, made by somebody else with ``lines``. Else it must be there."""

    keytab: str
    principal: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.lines)


Action = Run | Write | Await


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Without ``actions`` it is right already, unless ``by_hand`` says what a person has to do first: nothing after it
    is done until then. ``note`` is what the person should know.
    """

    title: str
    sentence: str
    actions: tuple[Action, ...] = ()
    by_hand: str = ""
    note: str = ""

    @property
    def is_right(self) -> bool:
        return not self.actions and not self.by_hand

    def shown(self) -> list[str]:
        """The commands and the lines of files that belong to the step."""
        return [line for text in (*map(str, self.actions), self.by_hand) if text for line in text.removesuffix("\n").split("\n")]


LOOK = Step("Look", "is everything as it has to be?", (Run(("jitd", "doctor")),))  # the last step, which changes nothing

# --- the questions -------------------------------------------------------------------------------------------------------


def questions(facts: Facts, answers: Answers) -> list[Question]:
    """Return the questions that are open. What the host itself answers is never asked."""
    found = []
    if answers.admin is None and not _may_use_key(facts):
        found.append(_who_makes_the_key(facts))
    if wants_rule(facts, answers):
        found += [question for question in RULE if getattr(answers, question.name) is None]
    return found


def wants_rule(facts: Facts, answers: Answers) -> bool:
    """True if a rule is to be written: there is none yet, or the person has said something of one."""
    said = (answers.requester, answers.approver, answers.command, answers.tell, answers.rule or None)
    return not facts.rules or any(one is not None for one in said)


def _may_use_key(facts: Facts) -> bool:
    """True if there is a key that jitd can use: in its own keytab, or in that of the host in a domain."""
    return facts.has_key or (facts.kind == AD and facts.has_key_in(str(HOSTS)))


def _who_makes_the_key(facts: Facts) -> Question:
    flag = "--admin PRINCIPAL or --no-admin"
    if facts.kind == AD:
        text = "Administrator of the domain (Enter: none, use this host's account)"
    else:
        text = "Principal that may make the key (Enter: somebody else does it)"
    return Question("admin", flag, text, "")


RULE = (
    Question("requester", "--requester WHO", "Who asks, such as group:dba"),
    Question("approver", "--approver WHO", "Who approves, such as group:ops"),
    Question("command", "COMMAND", "Which command, such as /usr/bin/systemctl restart cron"),
    Question("tell", "--tell HOW", "Who is told: terminals, nobody, or also a mail address", TERMINALS),
)


# --- the steps -----------------------------------------------------------------------------------------------------------


def plan(facts: Facts, answers: Answers) -> list[Step]:
    """Return all steps in their order. No question may be open."""
    keytab = _keytab(facts, answers)
    settings = _settings(facts, answers, keytab)
    rule = _rule(facts, answers)
    key = _key(facts, answers, keytab)
    restarts, reloads = bool(settings.actions or key.actions), bool(rule.actions)
    start = _start(facts, restarts=restarts, reloads=reloads, tells_by_mail=_is_address(answers.tell))
    return [settings, rule, key, start, LOOK]


def is_right(steps: Sequence[Step]) -> bool:
    return all(step.is_right for step in steps if step is not LOOK)


def cannot(facts: Facts, steps: Sequence[Step]) -> list[str]:
    """Return sentences about what stops the set-up before the first of ``steps``. ``jitd setup`` installs nothing."""
    found = []
    if "." not in facts.host:
        found.append(f"this host is called {facts.host}, which is not a full name: hostname --fqdn must say it with its domain")
    if not facts.realm:
        found.append("krb5.conf names no default_realm: this host belongs to no realm yet")
    elif facts.kind == AD and not facts.has_joined:
        found.append(f"this host has not joined the domain of {facts.realm}: /etc/krb5.keytab has no account of it (realm join)")
    needs = dict.fromkeys(action.line[0] for step in steps for action in step.actions if isinstance(action, Run))
    lacks = [program for program in needs if program in facts.missing]
    return [*found, *(f"{program} is not installed; it is in the Debian package {PACKAGES[program]}" for program in lacks)]


PACKAGES = {
    "kinit": "krb5-user",
    "kadmin": "krb5-user",
    "kdestroy": "krb5-user",
    "ipa": "freeipa-client",
    "ipa-getkeytab": "freeipa-client",
    "adcli": "adcli",
    "msktutil": "msktutil",
}
"""Program that a step may run → the Debian package that has it."""


def _keytab(facts: Facts, answers: Answers) -> str:
    if facts.has_key or facts.kind != AD:
        return facts.keytab
    return str(HOSTS) if facts.has_key_in(str(HOSTS)) or not answers.admin else OWN


def _settings(facts: Facts, answers: Answers, keytab: str) -> Step:
    """The lines of jitd.toml without which this host cannot work."""
    top, tables = [], []
    if keytab != facts.keytab:
        top.append(f"keytab = {quoted(keytab)}")
    if facts.kind == AD and facts.realm not in facts.forms:
        name = [f"name = {quoted('{name}@' + facts.domain)}"] if facts.domain else []
        tables += [f"[accounts.{quoted(facts.realm)}]", *name, "fold = true"]
    if _is_address(answers.tell) and answers.tell not in facts.mailed:
        tables += [
            "",
            f"[notify.{MAIL}]",
            'kind = "mail"',
            f"from = {quoted('jitd@' + facts.host)}",
            f"to   = [{', '.join(map(quoted, (*facts.mailed, answers.tell or '')))}]",
        ]
    title = "Settings"
    note = f"jitsudo does not ask the domain who may use this host, as sudo does; {facts.access}" if facts.access else ""
    if not top and not tables and facts.settings is not None:
        return Step(title, f"{SETTINGS} has what this host needs", note=note)
    if facts.settings not in (None, facts.shipped):
        lines = "\n".join([*top, *([""] if top and tables else []), *tables])
        return Step(title, f"{SETTINGS} was changed, so it is yours to write. It needs these lines:", by_hand=lines, note=note)
    text = _inserted(facts.shipped, top, tables)
    what = "write" if facts.settings is None else "write into"
    return Step(title, f"{what} {SETTINGS}", (Write(SETTINGS, text, facts.settings),), note=note)


def _inserted(shipped: str, top: Sequence[str], tables: Sequence[str]) -> str:
    """Return the shipped settings with keys before the first table, and with tables at the end."""
    first = re.search(r"^\[", shipped, re.MULTILINE)
    at = first.start() if first else len(shipped)
    keys, rest = shipped[:at].strip("\n"), shipped[at:].strip("\n")
    parts = [keys, "\n".join(top), rest, "\n".join(tables).strip("\n")]
    return "\n\n".join(filter(None, parts)) + "\n"


def rule_name(answers: Answers) -> str:
    """Return the name of the rule: what was said, or the command in small letters."""
    if answers.rule:
        return answers.rule
    path, *arguments = answers.command or ("",)
    return _slug(" ".join([path.rpartition("/")[2], *arguments])) or "first"


def _slug(text: str) -> str:
    """Return ``text`` as the name of a file, without a slash and a leading dot."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-")


def _rule(facts: Facts, answers: Answers) -> Step:
    title = "Rule"
    if not wants_rule(facts, answers):
        return Step(title, f"this host has {len(facts.rules)}: {listed(list(facts.rules))}")
    name = rule_name(answers)
    path, text = f"{facts.policy}/{_slug(name) or 'first'}.toml", rule_text(facts, answers, name)
    if facts.files.get(path) == text:
        return Step(title, f"{path} is as you say")
    if path in facts.files or name in facts.rules:
        said = f"there is a rule {name} already, and it is yours to change. This is what you have answered:"
        return Step(title, said, by_hand=text.rstrip("\n"), note="another name: --rule NAME")
    patterns = [one for one in answers.command or () if set("*?") & set(one)]
    note = f"In a rule, * and ? stand for other characters: this permits more than {listed(patterns)} (jitd-policy(5))."
    return Step(title, f"write {path}", (Write(path, text),), note=note if patterns else "")


def _is_address(tell: str | None) -> bool:
    return "@" in (tell or "")


def rule_text(facts: Facts, answers: Answers, name: str) -> str:
    """Return the file with the first rule. It says who is told only where jitd.toml would have others told."""
    notify = {NOBODY: [], TERMINALS: [TERMINALS]}.get(answers.tell or TERMINALS, [TERMINALS, MAIL])
    lines = [
        "# Written by jitd setup. More about rules: jitd-policy(5), jitd check",
        "[[permit]]",
        f"name      = {quoted(name)}",
        f"who       = [{quoted(answers.requester or '')}]",
        f"commands  = [[{', '.join(map(quoted, answers.command or ()))}]]",
        'reason    = "required"',
        f"approvals = [{{ need = 1, from = [{quoted(answers.approver or '')}] }}]",
    ]
    if tuple(notify) != default_notify(facts.shipped if facts.settings is None else facts.settings):
        lines.append(f"notify    = [{', '.join(map(quoted, notify))}]")
    return "\n".join([*lines, ""])


def default_notify(text: str) -> tuple[str, ...]:
    """Return the channels that settings name for the rules that name none (``[notify]``, ``default``)."""
    try:
        table = tomllib.loads(text).get("notify")
    except tomllib.TOMLDecodeError:
        return ()
    found = table.get("default") if isinstance(table, dict) else None
    return tuple(map(str, found)) if isinstance(found, list) else ()


def quoted(text: str) -> str:
    """Return ``text`` as a basic string of TOML 1.0. JSON escapes all that TOML does, but DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(facts: Facts, answers: Answers, keytab: str) -> Step:
    title, principal = "Key", f"{facts.service}@{facts.realm}"
    if facts.has_key_in(keytab):
        return Step(title, f"{keytab} has one of {principal}")
    admin = answers.admin or ""
    where = f"make {principal}, and write its key into {keytab}"
    elsewhere = f"wait until {keytab} has a key of {principal}. Somebody who administers {facts.realm} types, here:"
    there = Await(keytab, principal)
    note = "The other keys in that file stay as they are." if facts.keytabs.get(keytab) else ""
    if facts.kind == AD and keytab == str(HOSTS):
        line = ("adcli", "update", f"--add-service-principal={facts.service}", KEEPS_PASSWORD)
        if not facts.has_enctypes:
            note = f"krb5.conf has no permitted_enctypes, and the domain may use RC4. Before you go on, write there: {ENCTYPES}"
        said = f"have the domain add {facts.service} to the account of this host, whose key is in {keytab}"
        return Step(title, said, (Run(line), there), note=note)
    if facts.kind == AD:
        made = (Run(("kinit", *BRIEFLY, admin), has_ticket=True), _service_account(facts, keytab), there)
        return Step(title, f"{where}, as {admin}", made, note=note)
    if facts.kind == FREEIPA:
        add = ("ipa", "service-add", facts.service)
        get = ("ipa-getkeytab", *(("-s", facts.server) if facts.server else ()), "-p", facts.service, "-k", keytab)
        if not admin:
            return Step(title, elsewhere, (Await(keytab, principal, (" ".join(add), " ".join(get))),), note=note)
        ipa = (Run(add, has_ticket=True, unless="already exists"), Run(get, has_ticket=True))
        return Step(title, f"{where}, as {admin}", (Run(("kinit", *BRIEFLY, admin), has_ticket=True), *ipa, there), note=note)
    if not admin:
        lines = (enrolment(principal), renewal(keytab, principal))
        return Step(title, elsewhere, (Await(keytab, principal, lines),), note=note)
    kadmin = ("kadmin", "-c", TICKET)
    return Step(
        title,
        f"{where}, as {admin}",
        (
            Run(("kinit", *BRIEFLY, "-S", f"kadmin/admin@{facts.realm}", admin), has_ticket=True),
            Run((*kadmin, "addprinc", "-randkey", principal), unless="already exists"),
            Run((*kadmin, "ktadd", "-k", keytab, principal)),
            there,
        ),
        note=note,
    )


def account_name(host: str, realm: str) -> str:
    """Return the name of the account for the jitd of ``host``, which no other host has: msktutil(1) would give an account that
    is there a new password, and end the key of the host that uses it.
    """
    name, _, domain = host.partition(".")
    if domain == realm.lower() and len(ACCOUNT + name) <= MOST_ACCOUNT:
        return ACCOUNT + name
    digest = base64.b32encode(hashlib.sha256(host.encode()).digest()).decode().lower()
    return f"{ACCOUNT}{name[:3]}-{digest}"[:MOST_ACCOUNT]


def _service_account(facts: Facts, keytab: str) -> Run:
    """An account of the domain for jitd alone, with AES keys (``--enctypes 24``) that no password change ends."""
    account = account_name(facts.host, facts.realm)
    options = ("--enctypes", "24", "--dont-expire-password", "--no-reverse-lookups", "--keytab", keytab)
    line = ("msktutil", "create", "--use-service-account", "--account-name", account, "--service", facts.service, *options)
    return Run(line, has_ticket=True)


def _start(facts: Facts, *, restarts: bool, reloads: bool, tells_by_mail: bool = False) -> Step:
    title = "Start"
    if not facts.is_booted:
        if facts.is_active and not (restarts or reloads):
            return Step(title, "jitd runs")
        return Step(title, "systemd does not run here, so starting jitd is yours:", by_hand=facts.start)
    helpers = {*facts.helpers, *([facts.mailer] if tells_by_mail and facts.mailer else [])}
    lines: list[tuple[str, ...]] = [tuple(command.split()) for command in sorted(helpers)]
    if not facts.is_enabled or not facts.is_active:
        lines.append(("systemctl", "enable", "--now", "jitd.service"))
    if facts.is_active and restarts:
        lines.append(("systemctl", "restart", "jitd.service"))
    elif facts.is_active and reloads:
        lines.append(("jitd", "reload"))
    if not lines:
        return Step(title, "jitd runs, and starts with the host")
    said = "start jitd, now and with the host" if not facts.is_active else "have jitd read what is new"
    return Step(title, said, (Run(("jitd", "check")), *map(Run, lines)))
