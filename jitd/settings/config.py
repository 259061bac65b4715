# SPDX-License-Identifier: Apache-2.0
"""``/etc/jitd/jitd.toml``: the settings of one host, read into an immutable Config (jitd.toml(5)).
Law: every key has a default. An unknown key, a wrong type, and a value that this version does not support are faults. All faults
are reported together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

from jitd import extensions
from jitd.core import ssh_keys
from jitd.core.authentication import Demand
from jitd.core.command import MAX_ID
from jitd.core.conditions import is_name, is_principal
from jitd.core.keys.approvals import read_signed
from jitd.core.keys.demand import TICKETS, read_demand
from jitd.core.keys.services import read_service
from jitd.core.made_account import is_made, itself
from jitd.core.names import NAMES, Name
from jitd.core.naming import Form, Naming, is_realm, read_form
from jitd.core.public_key import PublicKey, read_key
from jitd.core.subject import NO_SIDS, Approver, Sids, person_of
from jitd.core.toml_document import ConfigError, Fault, read_document
from jitd.core.toml_table import Table, quoted
from jitd.settings.host import KRB5_CONF, default_realm, host_name, is_host_name, own_realm
from jitd.settings.owned_file import read_owned
from jitd.settings.section import KEYS_AT, Section, ThingSettings, Trust, is_place, path_in

FILE = Path("/etc/jitd/jitd.toml")


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit: ``per_second`` on average, and ``burst`` times without a pause."""

    per_second: int
    burst: int

    def __str__(self) -> str:
        return f"{self.per_second}/s, burst {self.burst}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of this host. ``pending`` is the maximum number of waiting requests on this host. ``pending_per_person`` is the
    maximum for one person. ``connections_per_uid`` is the maximum number of connections of one account. ``runs`` limits how often
    one person starts runs without a new approval. ``running_per_person`` is the maximum number of live runs and holdings of one
    person. A run that would exceed this maximum is refused only if it would start without a new approval.
    """

    pending: int = 10000
    pending_per_person: int = 20
    connections_per_uid: int = 200
    runs: Rate = Rate(10, 2000)
    running_per_person: int = 500


@dataclass(frozen=True, slots=True)
class Recordings:
    """The most MiB of one recording and of all, and for how many days they are kept."""

    mib_per_run: int = 1024
    mib_in_all: int = 10240
    days: int = 90


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """``witnesses`` are the public keys of those who countersign the record of this host. ``keep`` is the number of seconds for
    which values are kept that people typed.
    """

    witnesses: tuple[PublicKey, ...] = ()
    keep: int = 400 * 86400


@dataclass(frozen=True, slots=True)
class Pam:
    """``requester`` is the PAM service whose account stage jitd asks about requesters. If it is empty, jitd does not ask."""

    requester: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """If ``listen`` is true, a jitd that no service manager has started makes the door's socket. Otherwise the unit of the door
    alone opens it. ``operators`` is what operators and auditors have to prove who come by the door. If it is None, nobody has
    their rights there.
    """

    listen: bool = False
    operators: Demand | None = None


@dataclass(frozen=True, slots=True)
class Approvals:
    """``keys`` is the file of allowed signers (ssh-keygen(1)): whose keys sign receipts of approvals. ``signed`` is what each
    receipt has to prove at least on this host, whatever the rules say (``core.receipt.LEVELS``).
    """

    keys: Path = Path("/etc/jitd/allowed_signers")
    signed: str = ""


S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one host. ``principals`` maps a principal, in its canonical spelling, to its account. ``accounts`` maps a
    realm to the form of its accounts. ``people`` maps a person to all their accounts. ``approvers`` maps principals, in their
    canonical spelling, to the people without an account who come by the door, and ``sids`` says who else these people are.
    ``trusted_mounts`` are mount points of file systems on which the owners of files are trusted. ``sections`` are the settings of
    the extensions that can be used.
    """

    realms: frozenset[str]
    host: str
    keytab: Path = Path("/etc/jitd/jitd.keytab")
    socket: Path = Path("/run/jitd/jitd.sock")
    state: Path = Path("/var/lib/jitd")
    policy: Path = Path("/etc/jitd/policy.d")
    database: str = "sqlite"
    executor: Literal["auto", "direct", "unit"] = "auto"
    operators: tuple[str, ...] = ()
    auditors: tuple[str, ...] = ()
    min_uid: int = 1000
    root: Literal["permit", "deny"] = "permit"
    search_path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    trusted_mounts: tuple[str, ...] = ()
    limits: Limits = Limits()
    recordings: Recordings = Recordings()
    record: KeptRecord = KeptRecord()
    pam: Pam = Pam()
    door: Door = Door()
    approvals: Approvals = Approvals()
    accounts: Mapping[str, Form] = field(default_factory=lambda: MappingProxyType({}))
    principals: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    people: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    approvers: Mapping[str, Approver] = field(default_factory=lambda: MappingProxyType({}))
    sids: Sids = NO_SIDS
    sections: tuple[Section, ...] = field(default_factory=lambda: tuple(section() for section in extensions.used()))

    def of(self, section: type[S]) -> S:
        """Return the settings of the extension whose section is ``section``."""
        for one in self.sections:
            if isinstance(one, section):
                return one
        return section()

    @property
    def door_socket(self) -> Path:
        """The path of the door's socket: beside ``socket``."""
        return self.socket.with_name("door.sock")

    @property
    def trusted_places(self) -> tuple[bytes, ...]:
        """The paths of ``trusted_mounts``, as bytes."""
        return tuple(map(os.fsencode, self.trusted_mounts))

    @property
    def naming(self) -> Naming:
        """How principals name the accounts of this host."""
        return Naming(self.realms, self.principals, self.accounts)

    @property
    def names(self) -> Mapping[str, Name]:
        """The names that conditions of rules may use: the built-in names, and the facts of extensions."""
        return {**NAMES, **{name: of for section in self.sections for name, of in section.names.items()}}

    @property
    def deadlines(self) -> Mapping[str, float]:
        """The gatekeepers that rules may name. Each name is mapped to the maximum time for an answer, in seconds."""
        return {name: seconds for section in self.sections for name, seconds in section.deadlines.items()}

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(name for section in self.sections for name in section.channels)

    @property
    def usual_channels(self) -> tuple[str, ...]:
        """The channels of each permit that does not name its own."""
        return tuple(name for section in self.sections for name in section.usual_channels)

    @property
    def givers(self) -> Mapping[str, ThingSettings]:
        return {name: giver for section in self.sections for name, giver in section.givers.items()}

    @property
    def drifts(self) -> Mapping[str, str]:
        """Maps each thing that rules may give, such as ``sudoers:logs``, to the word that says what jitd does if it drifted."""
        return {f"{giver.KIND}:{name}": giver.drift for name, giver in self.givers.items()}

    @property
    def things(self) -> frozenset[str]:
        return frozenset(self.drifts)

    @property
    def key_files(self) -> Mapping[str, Path]:
        """Maps the names of all files with keys that jitd-outside needs to their paths."""
        return {name: file for section in self.sections for name, file in section.key_files.items()}


KEYS = (*(name for name in Config.__dataclass_fields__ if name not in ("sections", "sids")), *extensions.KEYS)
"""The top-level keys of jitd.toml."""
ACCOUNTS = ("name", "fold", "shared_with")  # the keys of a table `[accounts.REALM]`
APPROVER = ("person", "groups", "key")  # the keys of a table `[approvers.PRINCIPAL]`
SIDS = "sids"  # the table in `[approvers]` that is about SIDs, and not about a principal
_GROUP_SID = re.compile(r"S-1-5-21(-(0|[1-9][0-9]{0,9})){3}-([1-9][0-9]{0,9})")
_OF_EVERYBODY = {"513": "everybody", "514": "all guests", "515": "all computers"}
"""Groups that each domain has, and of whom."""


def load(
    file: Path | None = None, *, owner: int = 0, default: Path = FILE, krb5_conf: Path = KRB5_CONF, keys_at: Path = KEYS_AT
) -> Config:
    """Read the settings in ``file``. If ``file`` is None, read the file ``default``. If the default file is missing, every
    setting has its default value. The file must belong to root or to the uid ``owner``. Raises ConfigError.
    """
    return _load(file or default, owner, krb5_conf, keys_at, must_exist=file is not None)


def is_other(config: Config, file: Path | None) -> bool:
    """True if ``file`` does not say ``config`` any more, which was read from it with ``load``."""
    try:
        return load(file) != config
    except ConfigError:
        return True


def check(file: Path, *, krb5_conf: Path = KRB5_CONF) -> list[Fault]:
    """Return the faults of ``file``. The directory and the owner of ``file`` are not checked."""
    try:
        read(file, krb5_conf=krb5_conf)
    except ConfigError as error:
        return list(error.faults)
    return []


def read(file: Path, *, krb5_conf: Path = KRB5_CONF) -> Config:
    """Read the settings in ``file``. The directory and the owner of ``file`` are not checked. Raises ConfigError."""
    return _load(file, None, krb5_conf, KEYS_AT, must_exist=True)


def is_settings(file: Path) -> bool:
    """True if ``file``, by its name or keys, has settings and not rules. For ``jitd check FILE``."""
    if file.name == FILE.name:
        return True
    try:
        return any(key in KEYS for key in read_document(str(file), file.read_bytes()).values)
    except (OSError, ConfigError):
        return False


def _load(file: Path, owner: int | None, krb5_conf: Path, keys_at: Path, *, must_exist: bool) -> Config:
    content = read_owned(file, owner, must_exist=must_exist)
    document = read_document(str(file), content)
    faults: list[Fault] = []
    top = Table(document, (), dict(document.values), faults)
    top.known(KEYS)
    plain = Config(frozenset(), "")
    realms = frozenset(top.words("realms", (), _read_realm))
    if "realms" not in top.values:
        realm = default_realm(krb5_conf)
        if realm is None:
            top.fault(f'needs "realms": {krb5_conf} names no default_realm')
        else:
            realms = frozenset((realm,))
    host = top.text("host", "")
    if "host" not in top.values:
        host = host_name()
    elif isinstance(top.values["host"], str) and not is_host_name(host):
        top.fault(f'"host" must be a host name of at most 253 characters, not {quoted(host)}', "host")
    naming = Naming(realms, forms=_accounts(top.table("accounts"), realms))
    _shared(top, naming)
    naming = replace(naming, table=_principals(top.table("principals"), naming))
    people = _people(top.table("people"), naming)
    approvers = top.table("approvers")
    config = Config(
        realms=realms,
        host=host.lower(),
        keytab=path_in(top, "keytab", plain.keytab),
        socket=path_in(top, "socket", plain.socket),
        state=path_in(top, "state", plain.state),
        policy=path_in(top, "policy", plain.policy),
        database=_database(top),
        executor=_executor(top),
        operators=top.words("operators", (), naming.read_who, may_be_empty=True),
        auditors=top.words("auditors", (), naming.read_who, may_be_empty=True),
        min_uid=top.number("min_uid", plain.min_uid, 1, MAX_ID),
        root="deny" if top.text("root", plain.root, ("permit", "deny")) == "deny" else "permit",
        search_path=_search_path(top, plain.search_path),
        trusted_mounts=top.words("trusted_mounts", (), _read_directory, may_be_empty=True),
        limits=_limits(top.table("limits")),
        recordings=_recordings(top.table("recordings")),
        record=_record(top.table("record")),
        pam=_pam(top.table("pam")),
        door=_door(top.table("door")),
        approvals=_approvals(top.table("approvals")),
        accounts=naming.forms,
        principals=naming.table,
        people=people,
        approvers=_approvers(approvers, naming, people),
        sids=_sids(approvers.table(SIDS), naming, own_realm(realms, krb5_conf)) if SIDS in approvers.values else NO_SIDS,
        sections=tuple(_sections(top, Trust(owner, keys_at))),
    )
    if len(os.fsencode(config.socket)) > 107:
        top.fault('"socket" is longer than the 107 bytes that a socket\'s address holds', "socket")
    if faults:
        raise ConfigError(faults)
    return config


def _sections(top: Table, place: Trust) -> Iterator[Section]:
    """Yield what each extension has read; a fault for a key that cannot be used, and for a name that two of them set up."""
    owners: dict[tuple[str, str], str] = {}
    for extension in extensions.EXTENSIONS.values():
        if not extension.keys:
            continue
        own = {key: top.values[key] for key in extension.keys if key in top.values}
        if not (why := extension.why_not()):
            section = extension.section().read(Table(top.document, (), own, top.faults), place)
            named = {"fact": section.names, "gatekeeper": section.deadlines, "channel": section.channels, "giver": section.givers}
            for what, name in ((what, name) for what, names in named.items() for name in names):
                if (owner := owners.setdefault((what, name), extension.name)) != extension.name:
                    both = f"the extensions {owner} and {extension.name} both set up"
                    top.fault(f"{both} the {what} {quoted(name)}: give one of them another name", extension.keys[0])
            yield section
            continue
        for key in own:
            told = f'"{key}" is for the extension {extension.name}, which {extension.does}; it {why}'
            top.fault(f'{told}: install it in /usr/lib/jitd, or delete "{key}" and what is below it', key)


# --- the keys --------------------------------------------------------------------------------------------------------


def _read_realm(word: str) -> str:
    if not is_realm(word):
        raise ValueError(f"{quoted(word)} is not a realm")
    return word


def _read_directory(word: str) -> str:
    if not is_place(word) or word != os.path.normpath(word) or word == "/":
        raise ValueError(f"{quoted(word)} must be an absolute directory below /, without a slash at its end")
    return word


def _search_path(table: Table, default: str) -> str:
    text = table.text("search_path", default)
    if not all(is_place(part) for part in text.split(":")):
        table.fault('"search_path" must be absolute directories with colons between them', "search_path")
    return text


def _database(table: Table) -> str:
    text = table.text("database", "sqlite")
    if re.match(r"postgres(ql)?://", text):
        table.fault('"database" must be "sqlite": this version of jitd does not support PostgreSQL yet', "database")
    elif text != "sqlite":
        table.fault('"database" must be "sqlite" or a PostgreSQL address (postgresql://…)', "database")
    return "sqlite"


def _executor(table: Table) -> Literal["auto", "direct", "unit"]:
    match table.text("executor", "auto", ("auto", "direct", "unit")):
        case "direct":
            return "direct"
        case "unit":
            return "unit"
    return "auto"


def _limits(table: Table) -> Limits:
    table.known(tuple(Limits.__dataclass_fields__))
    plain = Limits()
    return Limits(
        pending=table.number("pending", plain.pending, 1, 1_000_000),
        pending_per_person=table.number("pending_per_person", plain.pending_per_person, 1, 1_000_000),
        connections_per_uid=table.number("connections_per_uid", plain.connections_per_uid, 1, 1_000_000),
        runs=_rate(table, "runs", plain.runs),
        running_per_person=table.number("running_per_person", plain.running_per_person, 1, 1_000_000),
    )


def _rate(table: Table, key: str, default: Rate) -> Rate:
    text = table.text(key, str(default))
    match = re.fullmatch(r"([1-9][0-9]{0,5})/s, burst ([1-9][0-9]{0,6})", text)
    if match is None:
        table.fault(f'"{key}" must be such as "10/s, burst 2000": how many a second, and how many in a row', key)
        return default
    return Rate(int(match[1]), int(match[2]))


def _recordings(table: Table) -> Recordings:
    table.known(tuple(Recordings.__dataclass_fields__))
    plain = Recordings()
    return Recordings(
        mib_per_run=table.number("mib_per_run", plain.mib_per_run, 1, 1 << 20),
        mib_in_all=table.number("mib_in_all", plain.mib_in_all, 1, 1 << 30),
        days=table.number("days", plain.days, 1, 36500),
    )


def _record(table: Table) -> KeptRecord:
    table.known(tuple(KeptRecord.__dataclass_fields__))
    return KeptRecord(
        witnesses=table.words("witnesses", (), _read_witness, may_be_empty=True),
        keep=table.duration("keep", KeptRecord().keep),
    )


def _read_witness(word: str) -> PublicKey:
    key = read_key(word)
    if key.type != "ssh-ed25519":
        raise ValueError(f"{quoted(word)} is not a key of the type ssh-ed25519, as in the file key.pub of a witness")
    return key


def _pam(table: Table) -> Pam:
    table.known(tuple(Pam.__dataclass_fields__))
    service = table.text("requester", "")
    if "requester" in table.values:
        try:
            read_service(service)
        except ValueError as fault:
            table.fault(f'"requester": {fault}', "requester")
    return Pam(service)


def _door(table: Table) -> Door:
    table.known(tuple(Door.__dataclass_fields__))
    if "operators" not in table.values:
        return Door(table.flag("listen"))
    row = table.table("operators")
    row.known(TICKETS)
    operators = read_demand(row)
    if operators.is_bare and isinstance(table.values["operators"], dict):
        table.fault(
            '"operators" must have "ticket_age" or "indicators": at the door, a stolen ticket counts everywhere', "operators"
        )
    return Door(table.flag("listen"), replace(operators, door=True))


def _approvals(table: Table) -> Approvals:
    table.known(tuple(Approvals.__dataclass_fields__))
    return Approvals(path_in(table, "keys", Approvals().keys), read_signed(table))


def _accounts(table: Table, realms: frozenset[str]) -> Mapping[str, Form]:
    found = {}
    for realm in table.values:
        row = table.table(realm)
        if realms and realm not in realms:
            table.fault(f'{quoted(realm)} is not one of "realms"', realm)
        row.known(ACCOUNTS)
        before, after = "", ""
        try:
            before, after = read_form(row.text("name", "{name}"))
        except ValueError as error:
            row.fault(f'"name" {error}', "name")
        shared = frozenset(row.words("shared_with", (), _read_realm))
        if unknown := sorted(shared - (realms - {realm})):
            row.fault(f'"shared_with": {quoted(unknown[0])} is not another one of "realms"', "shared_with")
        found[realm] = Form(before, after, row.flag("fold"), shared)
    return MappingProxyType(found)


def _shared(top: Table, naming: Naming) -> None:
    """Add a fault for each two realms that name the same accounts, unless ``[accounts]`` says that their people are the same."""
    for one, other in naming.shared_accounts():
        told = f"the realms {one} and {other} name the same accounts: give one of them another name in [accounts]"
        same = f'[accounts."{other}"] shared_with = ["{one}"]'
        top.fault(f"{told}, or, if a name always means one person in both: {same}", "realms")


def _principals(table: Table, naming: Naming) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for typed, account in table.values.items():
        principal = naming.canonical(typed)
        if principal in found:
            table.fault(f"{quoted(typed)} is listed twice: its realm folds upper case ([accounts])", typed)
        elif not is_principal(principal):
            table.fault(f"{quoted(typed)} is not a principal with its realm", typed)
        elif not isinstance(account, str) or not is_name(account):
            table.fault(f"{quoted(typed)} must be given the name of an account", typed)
        elif account == "root":
            table.fault(f"{quoted(typed)} cannot be root: root asks without a ticket and reviews nothing", typed)
        elif is_made(account):
            table.fault(f"no principal can be mapped to {quoted(account)}: only jitd makes accounts with such a name", typed)
        else:
            try:
                found[principal] = naming.read_account(account)
            except ValueError as error:
                table.fault(str(error), typed)
    return MappingProxyType(found)


def _people(table: Table, naming: Naming) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}

    def read_account(word: str) -> str:
        if not is_name(word):
            raise ValueError(f"{quoted(word)} is not the name of an account")
        if is_made(word):
            raise ValueError(f"{quoted(word)} cannot be listed: an account that jitd makes always belongs to its holder")
        return naming.read_account(word)

    # A person's own name is one of their accounts, even if it is not listed (see ``person_of``).
    holder = {naming.known_account(person): person for person in table.values}
    for person in table.values:
        if not is_name(person) or is_made(person):
            table.fault(f"{quoted(person)} is not the name of a person", person)
            continue
        accounts = table.words(person, (), read_account)
        try:
            own = naming.read_account(person)
        except ValueError as error:
            table.fault(str(error), person)
            continue
        found[person] = frozenset(accounts) | ({own} - {person})
        for account in sorted(found[person]):
            if holder.setdefault(account, person) != person or accounts.count(account) > 1:
                table.fault(f"the account {quoted(account)} is listed twice: it belongs to one person", person)
    return MappingProxyType(found)


def _approvers(table: Table, naming: Naming, people: Mapping[str, frozenset[str]]) -> Mapping[str, Approver]:
    """Return the people without an account. Whose a principal with an account is, ``[people]`` alone says."""
    found: dict[str, Approver] = {}
    for typed in table.values:
        if typed == SIDS:
            continue
        row, principal = table.table(typed), naming.canonical(typed)
        row.known(APPROVER)
        account = naming.account_of(principal.encode())
        groups = frozenset(row.words("groups", (), _read_group, may_be_empty=True))
        person = row.text("person", "" if account is None else account)
        if principal in found:
            table.fault(f"{quoted(typed)} is listed twice: its realm folds upper case ([accounts])", typed)
        elif not is_principal(principal):
            table.fault(f"{quoted(typed)} is not a principal with its realm", typed)
        elif "person" in row.values and (fault := _no_person(person, naming, table)):
            row.fault(f'"person": {fault}', "person")
        else:
            person = person_of(naming.known_account(person), people, itself) if person else principal
            if account is not None and person != (whose := person_of(account, people, itself)):
                told = f"{quoted(typed)} is a principal of the account {quoted(account)}, which belongs to {quoted(whose)}"
                row.fault(f"{told}: say in [people] whose it is", "person")
            found[principal] = Approver(person, groups, _signing_key(row))
    return MappingProxyType(found)


def _signing_key(row: Table) -> str:
    if not (line := row.text("key", "")):
        return ""
    try:
        return ssh_keys.read_key(line).line
    except ValueError as fault:
        row.fault(f'"key": {fault}', "key")
        return ""


def _sids(table: Table, naming: Naming, own: str) -> Sids:
    realms = table.words("realms", (own,), _read_realm)
    for realm in realms:
        # The KDC of a domain takes a name in any case, and the ticket has it as it was typed.
        if realm not in naming.realms or not (form := naming.forms.get(realm)) or not form.folds:
            table.fault(f'{quoted(realm)} must be one of "realms", with fold = true in [accounts.{quoted(realm)}]', "realms")
    groups: dict[str, str] = {}
    for sid in table.values:
        if sid == "realms":
            continue
        if not (found := _GROUP_SID.fullmatch(sid)):
            table.fault(f'{quoted(sid)} is not the SID of a group of a domain, such as "S-1-5-21-1-2-3-1105"', sid)
        elif whom := _OF_EVERYBODY.get(found[3]):
            table.fault(f"{quoted(sid)} is the group of {whom} in the domain: name the group of those who may approve", sid)
        else:
            try:
                groups[sid] = _read_group(table.text(sid, ""))
            except ValueError as error:
                table.fault(str(error), sid)
    return Sids(MappingProxyType(groups), frozenset(realms))


def _read_group(word: str) -> str:
    if not is_name(word):
        raise ValueError(f'{quoted(word)} is not the name of a group, such as "ops"')
    return word


def _no_person(name: str, naming: Naming, table: Table) -> str:
    """Return why ``name`` cannot be the person of a line, or "". No principal can: whose it is, is said elsewhere."""
    if not is_name(name):
        return f"{quoted(name)} is not the name of a person"
    if is_made(name):
        return f"{quoted(name)} cannot be a person: an account that jitd makes always belongs to its holder"
    if name == "root":
        return "root reviews nothing"
    principal = naming.canonical(name)
    if naming.account_of(principal.encode()) is not None or any(naming.canonical(other) == principal for other in table.values):
        return f"{quoted(name)} is a principal: write the name of its person"
    try:
        naming.read_account(name)
    except ValueError as error:
        return str(error)
    return ""
