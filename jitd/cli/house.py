# SPDX-License-Identifier: Apache-2.0
"""The verbs about the daemon itself are ``serve``, ``check`` and ``reload``. Law: ``check`` prints every fault and every warning.
It works without the daemon.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jitd import extensions
from jitd.cli.answer import answer, say
from jitd.cli.call import NotDone, called
from jitpam.wire.messages import Reload, Reloadtested
from jitpam.wire.shown import shown

if TYPE_CHECKING:
    from jitd.core.policy import Policy, Rule
    from jitd.core.toml_document import Fault
    from jitd.core.warning import Warned
    from jitd.inspector import Inspector
    from jitd.policy_tables import Tried
    from jitd.settings.config import Config

FILE = Path("/etc/jitd/jitd.toml")
UNKNOWN_FACT = 'there is no name or function "fact.'  # how a fault of `when` begins that names a fact of no provider
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The settings, in place of {FILE}.",
)
"""``--config FILE``: the settings. FILE may be missing, because every setting has a default value."""


@click.command()
@config_option
def serve(*, config: Path | None) -> int:
    """Run the daemon, until it is told to end."""
    # With Python's 700, almost every second start of a run waits for a collection, and the imports below for many.
    gc.set_threshold(10_000)
    from jitd.daemon import serve as serve_until_told

    return serve_until_told(config)


@click.command()
@click.option("--strict", is_flag=True, help="End with status 1 if there are warnings.")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
def check(*, strict: bool, files: tuple[Path, ...]) -> None:
    """Print every fault and every warning about the settings and the policy in FILEs. Without FILEs, check the files that jitd
    would read, and try the tables of the policy.
    """
    settings, rules, faults, checked = _read_files(files) if files else _read_host()
    inspector: Inspector | None = extensions.of_first("inspector")
    in_doubt = {(fault.file, fault.rule) for fault in faults if fault.rule}  # what such a rule means is not known
    whole = [rule for rule in rules if (rule.file, rule.name) not in in_doubt]
    warned = [] if inspector is None else _warnings(inspector, whole, settings, has_faults=bool(faults))
    if settings is None:  # what only jitd.toml makes known is not missed
        faults = [fault for fault in faults if UNKNOWN_FACT not in fault.sentence]
    tried = None if files or faults or settings is None else _tried(settings, _policy(settings, rules))
    failures = () if tried is None else tried.failures
    for line in (*map(str, faults), *(shown(str(one)) for one in warned), *map(shown, failures)):
        answer(line)
    told = _counted(len(warned), "warning")
    if faults:
        raise NotDone(_counted(len(faults), "fault"))
    if failures:
        raise NotDone(f"the tables of the policy find {_counted(len(failures), 'fault')}")
    if strict and warned:
        raise NotDone(told)
    if tried is not None:
        checked += f", {_counted(tried.n_cases, 'case')}"
    if inspector is None:
        blind = f"no warning was looked for, because the extension inspection {extensions.why_not('inspection')}"
        if strict:
            raise NotDone(blind)
        answer(f"{checked}: no fault; {blind}")
    else:
        answer(f"{checked}: no fault" + (f", {told}" if warned else ""))


def _policy(settings: Config, rules: Sequence[Rule]) -> Policy:
    from jitd.core.policy import Policy

    return Policy(tuple(rules), settings.root, "")


def _tried(settings: Config, policy: Policy) -> Tried | None:
    """Try the tables beside the rules. Return None if there are none, or if nothing here can try them, and say the latter."""
    from jitd.policy_tables import place_beside, tables

    if not os.path.lexists(place := place_beside(settings.policy)):
        return None
    if (trying := tables()) is None:
        say(f"the tables in {place} were not tried, because the extension policy {extensions.why_not('policy')}")
        return None
    return trying.try_on(policy, settings, place)


def _warnings(inspector: Inspector, rules: Sequence[Rule], settings: Config | None, *, has_faults: bool) -> list[Warned]:
    """Return the warnings about ``rules``. ``settings`` are None if they have faults. With a fault, nothing is told that may only
    be so because of it: that a thing is not set up, or that a rule accepts what nothing causes.
    """
    from jitd.core.names import NAMES

    names = {} if settings is None else settings.names
    providers = {name: of.source.removeprefix("provider ") for name, of in names.items() if name not in NAMES}
    warned = inspector.warnings(rules, settings, providers)
    if settings is None or has_faults:
        return [one for one in warned if one.name != "needless-accept"]
    return [*warned, *inspector.about_given(settings)]


def _read_files(files: Sequence[Path]) -> tuple[Config | None, Sequence[Rule], list[Fault], str]:
    """Read the settings and the policy in ``files``. Return the settings, the rules, all faults, and a text about the number of
    files. If ``files`` has no file with settings, those of this host are used. Settings with faults are None.
    """
    from jitd.core.toml_document import ConfigError
    from jitd.settings import config, policyfile
    from jitd.settings.host import host_name

    faults: list[Fault] = []
    loaded = None
    of_settings = [file for file in files if config.is_settings(file)]
    for file in of_settings:
        try:
            loaded = config.read(file)
        except ConfigError as error:
            faults += error.faults
    if loaded is None and not of_settings:
        with suppress(ConfigError):  # the person did not ask about these settings
            loaded = config.load()
    is_known = loaded is not None and not faults  # otherwise all names would seem wrong
    used = loaded or config.Config(realms=frozenset(), host=host_name().lower())
    rules, of_policy = policyfile.read(
        [file for file in files if file not in of_settings],
        used.names,
        gatekeepers=used.deadlines if is_known else None,
        channels=used.channels if is_known else None,
        things=used.things if is_known else None,
        naming=used.naming,
        notify=used.usual_channels,
        signed=used.approvals.signed,
    )
    return loaded if is_known else None, rules, [*faults, *of_policy], _counted(len(files), "file")


def _read_host() -> tuple[Config | None, Sequence[Rule], list[Fault], str]:
    """Read the settings and the policy of this host. Return the same kinds of values as ``_read_files``."""
    from jitd.core.toml_document import ConfigError
    from jitd.settings import config, policyfile

    faults: list[Fault] = []
    rules: Sequence[Rule] = ()
    loaded, checked = config.Config(realms=frozenset(), host=""), str(FILE)
    try:
        loaded = config.load()
    # continue with the rules in the default directory, so that all faults are printed together
    except ConfigError as error:
        faults += error.faults
    is_known = not faults  # otherwise the names in the rules cannot be compared with jitd.toml
    if is_known:
        faults += _of_keytab(loaded)
    try:
        rules = policyfile.load_with(loaded, is_known=is_known).rules
        checked += f" and {loaded.policy}, {_counted(len(rules), 'rule')}"
    except ConfigError as error:
        faults += error.faults
    return loaded if is_known else None, rules, faults, checked


def _of_keytab(loaded: Config) -> Iterator[Fault]:
    """Yield a fault if this host has no keytab. An account that may not look there learns nothing."""
    from jitd.core.toml_document import Fault

    with suppress(PermissionError):
        try:
            os.stat(loaded.keytab)
        except FileNotFoundError:
            yield Fault(
                str(loaded.keytab), 0, "", "there is no keytab, so nobody can authenticate; jitd doctor says how to make it"
            )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@click.command()
@click.option("--untested", is_flag=True, help="Do not try the tables of the policy first. The record has it.")
def reload(*, untested: bool) -> None:
    """Try the tables of the policy, and make the daemon read its policy again. A policy with a fault is refused, and changes
    nothing.
    """
    message = Reloadtested(digest=None) if untested else _tested()
    with called() as daemon:
        say(daemon.do(message) or "the policy is read again")


def _tested() -> Reload | Reloadtested:
    """Try the tables of the policy, in this process. Return how the daemon is asked afterwards. Raises NotDone if it is not."""
    from jitd.core.toml_document import ConfigError
    from jitd.policy_tables import place_beside
    from jitd.settings import config, policyfile

    place = place_beside(config.Config(realms=frozenset(), host="").policy)
    try:
        settings = config.load()
        place = place_beside(settings.policy)
        if not os.path.lexists(place):
            return Reload()
        policy = policyfile.load_with(settings)
        if (tried := _tried(settings, policy)) is None:
            return Reloadtested(digest=None)
        failures = tried.failures
    except ConfigError as error:
        if not os.path.lexists(place):
            return Reload()  # the daemon says what is wrong
        failures = tuple(map(str, error.faults))
    if not failures:
        return Reloadtested(digest=policy.digest)
    for line in failures:
        answer(shown(line))
    stay = "jitd was not asked, and the rules in force stay; --untested asks all the same"
    raise NotDone(f"the tables of the policy find {_counted(len(failures), 'fault')}: {stay}")
