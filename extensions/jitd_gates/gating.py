# SPDX-License-Identifier: Apache-2.0
"""The verbs ``kdc setup``, ``kdc gate``, ``kdc ungate`` and ``kdc check``. With these verbs, an administrator makes the KDC
refuse tickets for a service until jitd has granted them.

Law: ``setup``, ``gate`` and ``ungate`` work only on the KDC, as root. These three verbs print all steps, and change nothing
before a person has confirmed the steps with a yes or with ``--yes``. If everything is already correct, these verbs do nothing.
The verb ``check`` changes nothing. It asks each KDC for tickets that nobody has granted. It succeeds only if each KDC has
refused these tickets.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jitd.cli.answer import answer, say
from jitd.cli.call import NotDone
from jitd.cli.help import Group
from jitd.cli.house import config_option
from jitd.cli.question import can_ask, is_answered_yes
from jitd.core.duration import read_duration
from jitpam.initiator import own_host

if TYPE_CHECKING:
    from jitd_gates.plan import Entry, Step
    from jitd_gates.strings import Sighting

HOST_KEYTAB = Path("/etc/krb5.keytab")
yes_option = click.option("--yes", "is_sure", is_flag=True, help="Ask nothing (for scripts). The steps are still printed.")


@click.group(cls=Group, subcommand_metavar="VERB ...")
def kdc() -> None:
    """Make the KDC refuse tickets for a service until they are granted."""


def _life(context: click.Context, option: click.Parameter, value: Any) -> int | None:
    if value is None:
        return None
    seconds = read_duration(value)
    if seconds is None or not 60 <= seconds <= 86_400:
        raise click.BadParameter("must be a duration from 1m to 24h, such as 90m or 10h")
    return seconds


def _confirmed(question: str, *, is_sure: bool) -> None:
    """Raises NotDone without a yes. If ``is_sure``, nothing is asked."""
    if is_sure:
        return
    if not can_ask():
        raise click.UsageError("there is no terminal for the question: give --yes to answer yes in advance")
    if not is_answered_yes(f"\n{question} type yes: "):
        raise NotDone("nothing was changed")


def _administered(work: Callable[[], None]) -> None:
    """Call ``work``, which changes the KDC's database. Raises NotDone if this process is not root, or if ``work`` fails."""
    from jitd_gates.local import LocalError
    from jitd_gates.plan import CannotPlan

    if os.geteuid() != 0:
        raise NotDone("this changes the KDC's database: be root on the KDC", "forbidden")
    try:
        work()
    except (CannotPlan, LocalError) as fault:
        raise NotDone(str(fault)) from None


def _do(steps: Sequence[Step]) -> None:
    """Carry out ``steps`` with kadmin.local. Raises LocalError."""
    from jitd_gates.local import kadmin

    for step in steps:
        kadmin(*step.line)


def _entry(service: str) -> Entry:
    """Raises CannotPlan, LocalError."""
    from jitd_gates import local, plan

    plan.check_name(service)
    try:
        found = local.entry(service)
    except local.NoEntry:
        raise plan.CannotPlan(f"the KDC has no service {service}; make it: kadmin.local addprinc -randkey {service}") from None
    plan.check_name(found.principal)  # the typed name may be an alias of the principal
    return found


# --- setup ---------------------------------------------------------------------------------------------------------------


@kdc.command()
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option("--to", "directory", type=click.Path(path_type=Path), default=".", help="Where the keytabs are written.")
@click.option("--kdc", "others", metavar="HOST", multiple=True, help="Another KDC: it gets a canary, and no keytab.")
@yes_option
def setup(hosts: tuple[str, ...], *, directory: Path, others: tuple[str, ...], is_sure: bool) -> None:
    """Make the canaries, which are services with which jitd tests whether the KDC refuses tickets. For each HOST, make a
    principal that may write the grants of HOST, and its keytab.
    """
    _administered(lambda: _set_up(hosts, others, directory, is_sure=is_sure))


def _set_up(hosts: Sequence[str], others: Sequence[str], directory: Path, *, is_sure: bool) -> None:
    from jitd.kdc.keytab import OWN
    from jitd_gates import local, plan
    from jitd_gates.strings import CANARY, NOBODY

    here = own_host().lower()
    plan.check_hosts([here, *hosts, *others])
    if not directory.is_dir():
        raise plan.CannotPlan(f"{directory} is not a directory")
    canaries = [f"{CANARY}/{host}" for host in dict.fromkeys([here, *hosts, *others])]
    new = [name for name in canaries if not _is_there(name)]
    writers = {f"{OWN}/{host}": directory / f"{OWN}.{host}.keytab" for host in dict.fromkeys(hosts)}
    answer("On this KDC this will:")
    for name in new:
        answer(f"  make {name}, a service that is gated and never granted, to see whether the gate is on")
    for name, file in writers.items():
        how = "write the keys of" if _is_there(name) else "make"
        answer(f"  {how} {name}, which may write grants, with its keytab {file} (mode 0600)")
    standing = {name: plan.gate(local.entry(name), [NOBODY]) for name in canaries if name not in new}
    for name, steps in standing.items():
        for step in steps:
            answer(f"  {name}: {step.sentence}")
    if not (new or writers or any(standing.values())):
        say("everything is already set up correctly")
        return
    _confirmed("Do this?", is_sure=is_sure)
    for name in new:
        local.kadmin("addprinc", "-randkey", *plan.FLAGS, "-maxrenewlife", "0 seconds", "-maxlife", "3600 seconds", name)
    for name in canaries:
        _do(plan.gate(local.entry(name), [NOBODY]))
    for name, file in writers.items():
        if not _is_there(name):
            local.kadmin("addprinc", "-randkey", "+requires_preauth", "-allow_svr", name)
        _write_keytab(name, file)
    for name, file in writers.items():
        host = name.partition("/")[2]
        answer(f"Copy {file} to {host} as /etc/jitd/jitd-kdc.keytab, owner jitd-kdc, mode 0600, and delete it here. Then, there:")
        answer("  systemctl enable --now jitd-helper@kdc.socket")
    say("done; jitd kdc check says whether the gate is on")


def _is_there(principal: str) -> bool:
    from jitd_gates import local

    try:
        local.kadmin("getprinc", principal)
    except local.NoEntry:
        return False
    return True


def _write_keytab(principal: str, file: Path) -> None:
    """Write the keys into a file with mode 0600, which is replaced if it exists. Raises NotDone, LocalError."""
    from jitd_gates import local

    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".jitd-kdc.") as beside:
            made = Path(beside, "keytab")
            local.kadmin("ktadd", "-k", str(made.absolute()), "-norandkey", principal)
            made.chmod(0o600)
            os.replace(made, file)
    except OSError as fault:
        raise NotDone(f"{file} cannot be written: {fault.strerror}") from None


# --- gate, ungate --------------------------------------------------------------------------------------------------------


@kdc.command()
@click.argument("service")
@click.option("--granted-by", "hosts", metavar="HOST", multiple=True, help="A host whose jitd may grant it; may be repeated.")
@click.option("--maxlife", "max_life", metavar="DURATION", callback=_life, help="How long its tickets last at most.")
@click.option("--log", "only_logs", is_flag=True, help="Issue all tickets, and log what would be refused.")
@click.option(
    "--keytab",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The service's keytab. Its other principals that are not gated are listed.",
)
@yes_option
def gate(
    service: str, *, hosts: tuple[str, ...], max_life: int | None, only_logs: bool, keytab: Path | None, is_sure: bool
) -> None:
    """Make the KDC refuse tickets for SERVICE that nobody has granted."""
    from jitd_gates.strings import LOG, REQUIRED

    approval = LOG if only_logs else REQUIRED
    _administered(lambda: _gate(service, hosts, max_life, approval, keytab, is_sure=is_sure))


def _gate(service: str, hosts: Sequence[str], max_life: int | None, approval: str, keytab: Path | None, *, is_sure: bool) -> None:
    from jitd_gates import plan
    from jitd_gates.strings import GRANTED_BY, granted_by

    plan.check_hosts(hosts)
    entry = _entry(service)
    steps = plan.gate(entry, hosts, max_life=max_life, approval=approval)
    others = _others_in(keytab, entry.principal) if keytab is not None else []
    for other in others:
        answer(f"{keytab} also has keys of {other}, which is not gated. A server that accepts every key of its keytab")
        answer(f"  accepts tickets for {other}: gate {other} as well, or remove its keys from the keytab.")
    if not steps:
        say(f"{entry.principal} is gated already")
    else:
        answer(f"In the entry of {entry.principal} this will:")
        for step in steps:
            answer(f"  {step.sentence}")
        who = ", ".join(granted_by(entry.principal, " ".join(hosts) if hosts else entry.strings.get(GRANTED_BY)))
        answer(f"These hosts may grant tickets: {who}. Tickets that were issued earlier stay usable until they expire.")
        _confirmed(f"Gate {entry.principal}?", is_sure=is_sure)
        _do(steps)
    for line in _ends():
        answer(line)
    if others:
        raise NotDone(f"{keytab} has keys of principals that are not gated: {len(others)}")


def _ends() -> list[str]:
    """Say when a ticket stops working, with the clock skew from the krb5.conf of this host."""
    from jitd_gates.asking import clock_skew
    from jitd_gates.plan import DEFAULT_SKEW, told

    skew = clock_skew(DEFAULT_SKEW)
    return [
        "A ticket ends with its grant. A server accepts the ticket longer, by clockskew in the server's krb5.conf. "
        f"On this host clockskew is {told(skew)}.",
        f"So a grant of 10 min lets somebody in for up to {told(600 + skew)}. Open connections stay open.",
    ]


def _others_in(keytab: Path, service: str) -> list[str]:
    """Return the other principals that are not gated: the KDC issues tickets for them. Raises CannotPlan, LocalError."""
    from jitd.kdc.keytab import principals
    from jitd_gates import local, plan

    try:
        names = [name for name in principals(keytab.read_bytes()) if name != service]
    except OSError as fault:
        raise plan.CannotPlan(f"{keytab} cannot be read: {fault.strerror}") from None
    except ValueError as fault:
        raise plan.CannotPlan(f"{keytab} is not a keytab: {fault}") from None
    return [name for name, strings in local.strings_of(names).items() if not plan.is_gated(strings)]


@kdc.command()
@click.argument("service")
@yes_option
def ungate(service: str, *, is_sure: bool) -> None:
    """Have the KDC issue tickets for SERVICE to anybody again."""
    _administered(lambda: _ungate(service, is_sure=is_sure))


def _ungate(service: str, *, is_sure: bool) -> None:
    from jitd_gates import plan

    entry = _entry(service)
    steps = plan.ungate(entry)
    if not steps:
        say(f"{entry.principal} is not gated")
        return
    answer(f"In the entry of {entry.principal} this will:")
    for step in steps:
        answer(f"  {step.sentence}")
    answer(f"Then anybody with a TGT gets a ticket for {entry.principal}. Its attributes and ticket lifetimes stay as they are.")
    _confirmed(f"Ungate {entry.principal}?", is_sure=is_sure)
    _do(steps)


# --- check ---------------------------------------------------------------------------------------------------------------


@kdc.command()
@click.argument("services", metavar="[SERVICE]...", nargs=-1)
@click.option(
    "--keytab",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The keytab whose key is used for the question, instead of that of this host's jitd.",
)
@click.option("--at", "kdcs", metavar="KDC", multiple=True, help="Ask this KDC alone, in place of those of krb5.conf.")
@config_option
def check(services: tuple[str, ...], *, keytab: Path | None, kdcs: tuple[str, ...], config: Path | None) -> None:
    """Ask each KDC for tickets that nobody has granted. Each KDC must refuse them."""
    import asyncio

    from jitd.kdc.names import components, is_principal
    from jitd_gates.gates import gate_states
    from jitd_gates.strings import canary

    file = keytab or _keytab(config)
    client = _client(file)
    name, realm = client.rpartition("@")[::2]
    host = components(client)[1] if "/" in name else own_host().lower()
    wanted = [service if "@" in service else f"{service}@{realm}" for service in services]
    for service in wanted:
        if not is_principal(service):
            raise click.UsageError(f"{service} is not the name of a service, such as postgres/db1.example.org")
    answer(f"asking as {client}, by its key in {file}:")
    sightings = asyncio.run(gate_states(client, file, [canary(host, realm), *wanted], kdcs=kdcs))
    _tell(sightings)


def _tell(sightings: Sequence[Sighting]) -> None:
    """Raises NotDone if a KDC has issued a ticket, or has not answered."""
    from jitd_gates.strings import OFF, ON

    words = {ON: "refused: the gate is on", OFF: "ISSUED: the gate is OFF"}
    for each in sightings:
        answer(f"{each.kdc}  {each.service}  {words.get(each.state, 'silent')} ({each.why})")
    n_off = sum(each.state == OFF for each in sightings)
    n_silent = sum(each.state not in (ON, OFF) for each in sightings)
    if n_off:
        raise NotDone(f"the gate is OFF: {n_off} of {len(sightings)} tickets were issued without a grant")
    if n_silent or not sightings:
        raise NotDone(f"it is not certain that the gate is on: {n_silent} of {len(sightings)} questions were not answered")


def _keytab(config: Path | None) -> Path:
    """Return jitd's own keytab, or the host's if there is none, as on a KDC without jitd."""
    from jitd.core.toml_document import ConfigError
    from jitd.settings.config import Config, load

    try:
        own = load(config).keytab
    except ConfigError:
        own = Config(frozenset(), "").keytab
    return own if own.exists() or not HOST_KEYTAB.exists() else HOST_KEYTAB


def _client(file: Path) -> str:
    """Return the first principal in the keytab ``file``. Raises NotDone."""
    from jitd.kdc.keytab import principals

    try:
        found = principals(file.read_bytes())
    except OSError as fault:
        who = pwd.getpwuid(os.geteuid()).pw_name
        raise NotDone(f"{file} cannot be read by {who}: {fault.strerror}; be root, or name another by --keytab") from None
    except ValueError as fault:
        raise NotDone(f"{file} is not a keytab: {fault}") from None
    if not found:
        raise NotDone(f"{file} holds no key")
    return found[0]
