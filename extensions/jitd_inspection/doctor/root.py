# SPDX-License-Identifier: Apache-2.0
"""The examinations for root.

Law: causes come before consequences. One fault can cause other faults. The examination that finds the cause comes before the
examinations that find the other faults.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd_inspection.doctor import (
    clock,
    daemon,
    files,
    glass,
    kerberos,
    local_password,
    pam,
    people,
    plugin,
    runs,
    settings,
    state,
)
from jitd_inspection.doctor.finding import Result
from jitd_inspection.doctor.host import Host
from jitd_inspection.doctor.round import Examination


def examinations(host: Host) -> list[Examination]:
    """Return all examinations for root.

    If the field ``silent`` of an examination is empty, the examination cannot hang. Such an examination reads only the kernel's
    clocks, or files in the directories from which this process was loaded. An examination of a file that the settings name can
    hang, because this file may be on a file server.
    """
    disk = "see dmesg, and mount: a disk or a file server does not answer"
    directory = "see what /etc/nsswitch.conf names for passwd and group: a directory server does not answer"
    # Under systemd this code does not examine the host, because the search for the daemon's process may hang.
    anew = f"restart it: {host.restart if host.is_booted else host.start}"
    return [
        Examination("setup", lambda: daemon.examine_set_up(host), f"{host.config.state} does not answer", disk),
        Examination("installed", files.examine_installed),
        Examination("settings", lambda: settings.examine(host), f"{host.file.parent} cannot be read", disk),
        Examination("policy", lambda: settings.examine_policy(host), f"{host.config.policy} cannot be read", disk),
        Examination(
            "host.name",
            lambda: kerberos.examine_names(host),
            "this host's name cannot be found out",
            "write its full name into /etc/hosts",
        ),
        Examination("keytab", lambda: kerberos.examine_keytab(host), f"{host.config.keytab} cannot be read", disk),
        Examination(
            "kdc.reachable",
            lambda: _kdc(host),
            f"the KDC of {host.realm} does not answer",
            f"see that it runs, and that port 88 is open towards it: /etc/krb5.conf, [realms] {host.realm} = {{ kdc = … }}",
        ),
        Examination(
            "gate.writer",
            lambda: _gate(host),
            "jitd-kdc, kadmind or a KDC does not answer",
            "see journalctl -u jitd-helper@kdc, and jitd kdc check",
        ),
        Examination("clock", clock.examine),
        Examination("nss.speed", lambda: people.examine_name_service(host), "accounts and groups are not found", directory),
        Examination("rules.people", lambda: people.examine(host), "the search for people in the rules does not end", directory),
        Examination("daemon.answers", lambda: daemon.examine(host), "the daemon does not answer", anew),
        Examination("daemon.version", lambda: daemon.examine_age(host), "it is not known what the daemon has read", disk),
        Examination("state", lambda: state.examine(host), f"{host.config.state} does not answer", disk),
        Examination(
            "record",
            lambda: state.examine_record(host),
            "the record cannot be read",
            "check it: jitd audit verify",
        ),
        Examination(
            "reviews.owed",
            lambda: glass.examine(host),
            "it cannot be read which reviews are owed",
            "check the record: jitd audit verify",
        ),
        Examination(
            "executor",
            lambda: runs.examine(host),
            "systemd, or the kernel, does not answer",
            "see journalctl -p err -b",
        ),
        Examination("pam.opens", pam.examine, "PAM does not open a session", "see which module of /etc/pam.d/jitd waits"),
        Examination("sudo.plugin", plugin.examine, "the plugin of sudo cannot be looked at", "see /etc/sudo.conf"),
        Examination(
            "sudo.accounts",
            lambda: plugin.examine_robots(host),
            "it is not known which system accounts use sudo",
            "see what visudo -c says",
        ),
        Examination(
            "sudo.rules",
            lambda: plugin.examine_rules(host),
            "it is not known which rules need the gate of sudo to know its commands",
            "see which stacks and rules name sudo",
        ),
        Examination("pam.requester", lambda: pam.examine_requester(host.config.pam.requester)),
        Examination(
            "pam.local",
            lambda: local_password.examine(host),
            "the stack of local passwords cannot be read",
            "see /etc/pam.d/jitd-local",
        ),
        Examination("pam.gates", pam.examine_gates, "a stack that asks jitd does not answer", "see which module of it waits"),
        Examination("pam.gates", pam.examine_logins, "a login's stack does not answer", "see which module of its session waits"),
    ]


def _kdc(host: Host) -> Iterator[Result]:
    """In a process of its own, so that only this process loads GSSAPI."""
    from jitd_inspection.doctor import kdc

    yield from kdc.examine(host)


def _gate(host: Host) -> Iterator[Result]:
    """In a process of its own, so that only this process loads what ``gate`` imports."""
    from jitd_inspection.doctor import gate

    yield from gate.examine(host, _given(host))


def _given(host: Host) -> list[str]:
    """Return the services for which a rule gives tickets. Another check reports a policy that cannot be read."""
    from jitd.core.policy import given_things
    from jitd.core.thing import is_service_ticket, service_of
    from jitd.core.toml_document import ConfigError
    from jitd.settings import policyfile

    try:
        policy = policyfile.load_with(host.config)
    except ConfigError:
        return []
    return [service_of(thing, host.realm) for thing in given_things(policy) if is_service_ticket(thing)]
