# SPDX-License-Identifier: Apache-2.0
"""The import law: who may know whom, to the module. The order of the rooms is drawn in ARCHITECTURE.md, and a law of that page
(``test_documents_architecture``) compares it with the imports. A change here is a change of the architecture.
"""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys

from tests.law.tree import MODULES, NAMES, STANDARD, TREE, Module, imports, is_ours

CORE, WIRE = "jitd.core", "jitpam.wire"

LAW: dict[str, set[str]] = {
    # the side that asks
    "jitpam": set(),
    "jitpam.wire": {WIRE},
    "jitpam.krb5": set(),
    "jitpam.krb5_caches": {"jitpam.krb5"},
    "jitpam.news": {"jitpam.saying"},
    "jitpam.initiator": {"jitpam.krb5", "jitpam.news"},
    "jitpam.amounts": set(),
    "jitpam.appointment": {"jitpam.amounts", "jitpam.signals"},
    "jitpam.waiting_line": {WIRE},
    "jitpam.options": {"jitpam.amounts", "jitpam.appointment", "jitpam.saying"},
    "jitpam.shell": set(),
    "jitpam.signals": set(),
    "jitpam.guardian": set(),
    "jitpam.terminal": {"jitpam.guardian"},
    "jitpam.relay": {WIRE, "jitpam.news", "jitpam.saying", "jitpam.signals", "jitpam.terminal"},
    "jitpam.wrapping": {WIRE},
    "jitpam.saying": {WIRE, "jitpam.wrapping"},
    "jitpam.usage": {"jitpam.options", "jitpam.wrapping"},
    "jitpam.own_key": {"jitpam.options"},
    "jitpam.certificate": {WIRE, "jitpam.options"},
    "jitpam.streams": set(),
    "jitpam.claims": {WIRE, "jitpam.options"},
    "jitpam.client": {WIRE, "jitpam.initiator", "jitpam.news"},
    "jitpam.carrier": {WIRE, "jitpam.client", "jitpam.initiator", "jitpam.news", "jitpam.saying"},
    "jitpam.failing": {WIRE, "jitpam.client", "jitpam.options", "jitpam.saying"},
    "jitpam.submission": {
        "jitpam.certificate", "jitpam.claims", "jitpam.options", "jitpam.own_key", "jitpam.saying", "jitpam.shell",
    },
    "jitpam.ticket": {"jitpam.initiator", "jitpam.krb5", "jitpam.krb5_caches"},
    "jitpam.own_command": {WIRE, "jitpam.saying"},
    "jitpam.access": {
        WIRE, "jitpam.appointment", "jitpam.certificate", "jitpam.client", "jitpam.options", "jitpam.saying", "jitpam.ticket",
    },
    "jitpam.reporting": {WIRE, "jitpam.client", "jitpam.failing", "jitpam.options", "jitpam.saying", "jitpam.ticket"},
    "jitpam.holding": {
        WIRE, "jitpam.access", "jitpam.appointment", "jitpam.certificate", "jitpam.client", "jitpam.options",
        "jitpam.own_command", "jitpam.reporting", "jitpam.saying", "jitpam.signals", "jitpam.ticket",
    },
    "jitpam.questions": {
        WIRE, "jitpam", "jitpam.appointment", "jitpam.claims", "jitpam.client", "jitpam.local_proof", "jitpam.options",
        "jitpam.saying", "jitpam.shell_words", "jitpam.submission", "jitpam.usage",
    },
    "jitpam.asking": {
        WIRE, "jitpam.access", "jitpam.appointment", "jitpam.client", "jitpam.disclosure", "jitpam.editing", "jitpam.failing",
        "jitpam.holding", "jitpam.local_proof", "jitpam.news", "jitpam.options", "jitpam.own_command", "jitpam.questions",
        "jitpam.relay", "jitpam.reporting", "jitpam.saying", "jitpam.shell_words", "jitpam.signals", "jitpam.submission",
        "jitpam.waiting_line", "jitpam.wrapping",
    },
    "jitpam.shell_words": {WIRE, "jitpam.options"},
    "jitpam.confirmation": {"jitpam.saying", "jitpam.terminal"},
    "jitpam.secret_words": set(),
    "jitpam.disclosure": {
        WIRE, "jitpam.confirmation", "jitpam.local_proof", "jitpam.options", "jitpam.secret_words", "jitpam.submission",
    },
    "jitpam.editing": {WIRE, "jitpam.client", "jitpam.confirmation", "jitpam.failing", "jitpam.options", "jitpam.saying"},
    "jitpam.glass": {"jitpam.confirmation", "jitpam.options", "jitpam.saying"},
    "jitpam.local_proof": {WIRE, "jitpam", "jitpam.client", "jitpam.news", "jitpam.saying"},
    "jitpam.jitsudo": {
        "jitpam.access", "jitpam.asking", "jitpam.client", "jitpam.disclosure", "jitpam.editing", "jitpam.failing",
        "jitpam.glass", "jitpam.local_proof", "jitpam.news", "jitpam.options", "jitpam.questions", "jitpam.reporting",
        "jitpam.streams", "jitpam.submission",
    },
    # the side that decides: the core, and what knows the core and nothing beside it
    "jitd": set(),
    "jitd.packages": set(),
    "jitd.extensions": {
        "jitd.beside.serving", "jitd.core.grader", "jitd.core.ownership", "jitd.packages", "jitd.settings.section",
    },
    "jitd.extension_points": {CORE, "jitd.deciding", "jitd.extensions", "jitd.lifecycle", "jitd.verbs"},
    "jitd.core": {CORE},
    "jitd.invocation": {"jitd.invocation"},
    "jitd.recording": {"jitd.recording"},
    "jitd.recording.asciicast": {"jitd.recording", "jitpam.wire.shown"},
    "jitd.store": {CORE, "jitd.audit.forms", "jitd.failures", "jitd.store"},
    "jitd.audit": {CORE, "jitd.audit", "jitd.files.durable", "jitd.recording"},
    "jitd.audit.events": {"jitd.audit.sentences", "jitd.core.chain"},
    "jitd.audit.sentences": {CORE, WIRE},
    "jitd.audit.allowed_signers": {"jitd.core.ssh_keys", "jitd.audit.sshsig"},
    "jitd.core.instead": set(),
    "jitd.core.ssh_keys": set(),
    "jitd.audit.ssh_signatures": {"jitd.core.ssh_keys"},
    "jitd.audit.sshsig": {"jitd.core.ssh_keys", "jitd.audit.ssh_signatures"},
    "jitd.audit.strict_json": set(),
    "jitd.audit.times": set(),
    "jitd.audit.host_names": set(),
    "jitd.audit.moves": {"jitd.audit.receipted", "jitd.audit.times", "jitd.core.moves"},
    "jitd.audit.parts": {CORE, "jitd.audit", "jitd.store"},
    "jitd.audit.verify": {CORE, "jitd.audit", "jitd.store"},
    "jitd.audit.signing": {CORE, "jitd.audit", "jitd.failures", "jitd.log", "jitd.store"},
    "jitd.expressions": {CORE, "jitd.expressions"},
    "jitd.settings": {
        CORE, "jitpam.wire.declared", "jitd.beside.processes", "jitd.expressions", "jitd.extensions", "jitd.settings",
    },
    "jitd_outsiders.channels": {CORE, "jitd_outsiders.notifying", "jitd.settings"},
    "jitd_things.settings": {CORE, "jitd.beside.processes", "jitd_things.givers", "jitd.settings"},
    "jitd_outsiders.asking.settings": {
        CORE, "jitd.beside.processes", "jitd.settings", "jitd_outsiders.outside", "jitd_outsiders.programs.messages",
    },
    "jitd_sinks.settings": {
        CORE, "jitd.beside.processes", "jitd.extensions", "jitd.settings", "jitd_outsiders.channels", "jitd_outsiders.outside",
    },
    "jitd_outsiders.outside.url_file": {CORE, "jitd_outsiders.outside.urls", "jitd.settings", "jitd_outsiders.asking.settings"},
    "jitd.claiming": {"jitd.settings"},
    "jitd.reloading": {CORE, "jitd.settings", "jitd.workers"},
    "jitd.releasing": set(),
    "jitd.workers": {"jitd.core.party", "jitd.failures"},
    "jitd.failures": set(),
    "jitd_sinks.metrics": {
        CORE, WIRE, "jitd.deciding.ground", "jitd.store", "jitd.verbs.access", "jitd.verbs.rows", "jitd_sinks.metrics",
    },
    "jitd_sinks.metrics.meters": {CORE, "jitd.failures", "jitd.lifecycle.readers", "jitd.store"},
    "jitd_sinks.metrics.record": {CORE, "jitd.audit.countersigned", "jitd.store"},
    "jitd.systemd": {WIRE},
    "jitd.versions": set(),
    "jitd.journal": set(),
    "jitd.log": {WIRE, "jitd.journal"},
    # files, and what is judged of them; what goes around a gate, where files are read in one place
    "jitd.files": {"jitd.files"},
    "jitd.facts": {CORE, "jitd.facts", "jitd.files", "jitd.store"},
    "jitd.hosts": {"jitd.hosts"},
    "jitd.hosts.places": {"jitd.hosts", "jitd.files", "jitd.versions"},
    "jitd.hosts.plugin_look": {"jitd.core.ownership", "jitd.hosts"},
    # what runs a command
    "jitd.monitor": {WIRE, "jitd.beside.filtering", "jitd.files", "jitd.monitor", "jitd.recording"},
    "jitd.executor": {
        CORE, "jitd.executor", "jitd.files.processes", "jitd.monitor.orders", "jitd.monitor.places",
        "jitd.monitor.proof_orders", "jitd.packages", "jitd.recording", "jitd.releasing",
    },
    # from a client to the core, room by room: each knows those that come after it, and none that come before
    "jitd.server": {
        CORE, WIRE, "jitd.deciding", "jitd.failures", "jitd.files.processes", "jitd.lifecycle.notifier",
        "jitd.lifecycle.waiters", "jitd.log",
        "jitd.server", "jitd.store", "jitd.verbs", "jitd.workers",
    },
    "jitd.server.listener": {CORE, WIRE, "jitd.log", "jitd.releasing", "jitd.server"},
    "jitd.server.channel": {WIRE, "jitd.deciding.walking", "jitd.releasing", "jitd.server.room"},
    "jitd.server.acceptor": {CORE, "jitd.kdc.keytab", "jitd.server"},
    "jitd.server.pac": set(),
    "jitd.server.verified_pac": {CORE, "jitd.server.pac"},
    "jitd.verbs": {
        CORE, WIRE, "jitd.audit", "jitd.deciding", "jitd.facts", "jitd.lifecycle", "jitd.log", "jitd.recording",
        "jitd.settings", "jitd.store", "jitd.verbs", "jitd.workers",
    },
    "jitd.lifecycle": {
        CORE, "jitd.beside", "jitd.deciding", "jitd.executor", "jitd.failures", "jitd.lifecycle", "jitd.log",
        "jitd.monitor.orders", "jitd.settings", "jitd.store", "jitd.workers",
    },
    # what most parts stand on, and what builds a room of them
    "jitd.deciding.ground": {CORE, "jitd.reloading", "jitd.settings.config", "jitd.store", "jitd.workers"},
    "jitd.server.depends": {
        "jitd.beside.asking", "jitd.deciding.kdc_liveness", "jitd.deciding.signers", "jitd.hosts", "jitd.lifecycle.looks",
        "jitd.recording.reserve", "jitd.server", "jitd.settings.config",
    },
    "jitd.server.assembly": {
        CORE, "jitd.deciding", "jitd.executor", "jitd.lifecycle", "jitd.recording.reserve", "jitd.server", "jitd.verbs",
    },
    "jitd.verbs.reloading": {CORE, "jitd.deciding", "jitd.lifecycle", "jitd.systemd", "jitd.verbs.refusal"},
    "jitd.verbs.condition": {
        CORE, "jitd.audit.signing", "jitd.deciding.ground", "jitd.failures", "jitd.files.silence", "jitd.lifecycle",
        "jitd.verbs.status",
    },
    "jitd_things.assembly": {
        "jitd.beside", "jitd.extension_points", "jitd.lifecycle", "jitd.settings", "jitd_outsiders.assembly",
        "jitd_things.givers", "jitd_things.giving", "jitd_things.settings",
    },
    "jitd_gates.assembly": {
        CORE, "jitd.deciding.ground", "jitd.extension_points", "jitd_gates.service_tickets", "jitd_gates.settings",
        "jitd_gates.strings", "jitd_gates.trials", "jitd_gates.writer",
    },
    "jitd_gates.service_tickets": {
        CORE, "jitd.beside", "jitd.lifecycle.givers", "jitd_gates.messages", "jitd_gates.trials", "jitd_gates.writer",
    },
    "jitd_outsiders.assembly": {
        "jitd.beside", "jitd.deciding.seats", "jitd.extension_points", "jitd.lifecycle", "jitd_outsiders.announcing.assembly",
        "jitd_outsiders.asking", "jitd_outsiders.outside", "jitd_outsiders.programs", "jitd_outsiders.settings",
        "jitd_outsiders.terminals",
    },
    "jitd_outsiders.announcing.assembly": {
        CORE, "jitd.deciding.ground", "jitd.deciding.seats", "jitd.lifecycle", "jitd.store", "jitd_outsiders.announcing",
        "jitd_outsiders.notifying", "jitd_outsiders.settings",
    },
    "jitd_sinks.assembly": {
        CORE, WIRE, "jitd_outsiders.assembly", "jitd.deciding", "jitd.extension_points", "jitd_sinks.metrics",
        "jitd_sinks.settings", "jitd_sinks.sinks", "jitd.store.opening", "jitd.verbs",
    },
    "jitd.deciding.signers": {
        CORE, "jitd.audit.allowed_signers", "jitd.audit.receipt", "jitd.audit.sshsig",
        "jitd.files.digests", "jitd.settings.config", "jitd.settings.owned_file",
    },
    "jitd.deciding": {
        CORE, WIRE, "jitd.beside.filtering", "jitd.deciding", "jitd.extensions", "jitd.files", "jitd.invocation",
        "jitd.hosts", "jitd.kdc.keytab", "jitd.settings", "jitd.store", "jitd.workers",
    },
    # what gives things and takes them back, a module a kind
    "jitd_things.giving": {
        CORE, "jitd.beside", "jitd.lifecycle.givers", "jitd.settings", "jitd_outsiders.asking.json_text",
        "jitd_outsiders.asking.settings", "jitd_outsiders.asking.turns", "jitd_outsiders.outside.leases",
        "jitd_things.givers", "jitd_things.giving",
    },
    # what gives things of this host, in a process that is root, and the daemon's end of it
    "jitd_things.givers": {
        CORE, WIRE, "jitd.beside", "jitd.extensions", "jitd.files.durable", "jitd.files.mounts", "jitd.files.processes",
        "jitd.settings", "jitd_outsiders.asking.settings", "jitd_outsiders.outside.urls", "jitd_things.givers",
        "jitd_things.settings",
    },
    # whether any KDC can be reached, and what is in a keytab
    "jitd.kdc": {WIRE, "jitd.kdc", "jitd.packages"},
    # the program of all helpers, which are what extensions have them do
    "jitd.beside_process": {"jitd.beside", "jitd.extensions"},
    # how the daemon speaks with a helper, whatever they say
    "jitd.beside": {WIRE, "jitd.beside", "jitd.files.processes", "jitd.packages", "jitd.releasing"},
    # what runs an administrator's programs, and the daemon's end of it
    "jitd_outsiders.programs": {WIRE, "jitd.beside", "jitd.files", "jitd_outsiders.programs"},
    # what asks other hosts, and the daemon's end of it
    "jitd_outsiders.outside": {
        WIRE, "jitd.beside", "jitd.core.toml_table", "jitd_outsiders.asking.json_text", "jitd_outsiders.asking.settings",
        "jitd_outsiders.outside", "jitd_outsiders.outside.url_file",
    },
    "jitd_outsiders.settings": {
        CORE, "jitd.beside.processes", "jitd.settings", "jitd_outsiders.asking.settings", "jitd_outsiders.channels",
    },
    # what writes to people's terminals, and the daemon's end of it
    "jitd_outsiders.terminals": {WIRE, "jitd.beside", "jitd.facts.sessions", "jitd_outsiders.terminals"},
    # what has people told, and when
    "jitd_outsiders.announcing": {
        CORE, "jitd.deciding.seats", "jitd.failures", "jitd.lifecycle.notifier", "jitd.log", "jitd.store",
        "jitd_outsiders.announcing", "jitd_outsiders.channels", "jitd_outsiders.notifying",
    },
    # what sends the record to collectors
    "jitd_sinks.sinks": {
        CORE, WIRE, "jitd.audit", "jitd.failures", "jitd.journal", "jitd.lifecycle.readers", "jitd.log", "jitd.store",
        "jitd_outsiders.outside", "jitd_sinks.ocsf", "jitd_sinks.settings", "jitd_sinks.sinks",
    },
    # what tells people: what is said, and each kind of channel
    "jitd_outsiders.notifying": {
        CORE, WIRE, "jitd.beside.refusals", "jitd.settings", "jitd_outsiders.asking.json_text",
        "jitd_outsiders.asking.settings", "jitd_outsiders.notifying", "jitd_outsiders.outside", "jitd_outsiders.terminals",
    },
    "jitd_outsiders.notifying.program": {
        CORE, "jitd.beside.processes", "jitd.beside.refusals", "jitd_outsiders.asking.json_text",
        "jitd_outsiders.asking.settings", "jitd_outsiders.notifying",
    },
    "jitd_outsiders.notifying.settings": {CORE, "jitd.beside.processes", "jitd_outsiders.notifying"},
    # what the daemon asks of them, and how it reads their answers
    "jitd_outsiders.asking": {
        CORE, "jitd.deciding.gatekeepers", "jitd.failures", "jitd.log", "jitd_outsiders.asking", "jitd_outsiders.outside",
        "jitd_outsiders.programs",
    },
    "jitd.inspector": {CORE, "jitd.audit.privileges", "jitd.settings.config"},
    "jitd.policy_tables": {CORE, "jitd.extensions", "jitd.settings.config"},
    "jitd.cli": {
        CORE, WIRE, "jitd.audit", "jitd.cli", "jitd.daemon", "jitd.extensions", "jitd.inspector",
        "jitd.lifecycle.integrity", "jitd.monitor.places", "jitd.packages", "jitd.policy_tables", "jitd.recording",
        "jitd.settings", "jitd.store", "jitpam", "jitpam.carrier", "jitpam.client", "jitpam.local_proof", "jitpam.news",
        "jitpam.options", "jitpam.streams", "jitpam.initiator", "jitpam.usage", "jitpam.wrapping",
    },
    # the extensions
    # what writes grants into the KDC, and what asks a KDC whether it obeys them
    "jitd_gates": {WIRE, "jitd.beside", "jitd.kdc", "jitd.packages", "jitd_gates", "jitd.extensions"},
    "jitd_gates.settings": {CORE, "jitd.beside.processes", "jitd.settings.section"},
    "jitd_gates.gating": {CORE, "jitpam.initiator", "jitd.cli", "jitd.kdc", "jitd.settings.config", "jitd_gates"},
    "jitd_commands": {CORE, "jitd_commands"},
    "jitd_fleet": set(),
    "jitd_fleet.program": {
        "jitd_fleet.agent", "jitd_fleet.enrolling", "jitd_fleet.listening", "jitd_fleet.own_door", "jitpam.wire.coding",
        "jitpam.wire.framing", "jitpam.wire.messages",
    },
    "jitd_fleet.engine": {"jitd_fleet.nkey"},
    "jitd_fleet.enrolling": {
        "jitd.cli.not_done", "jitd_fleet.hosts", "jitd_fleet.nkey", "jitd_fleet.own_door", "jitd_fleet.permissions",
    },
    "jitd_fleet.pump": {"jitd_fleet.stream"},
    "jitd_fleet.permissions": {"jitd_fleet.subjects"},
    "jitd_fleet.agent": {
        "jitd_fleet.engine", "jitd_fleet.enrolling", "jitd_fleet.nkey", "jitd_fleet.own_door", "jitd_fleet.own_word",
        "jitd_fleet.pump", "jitd_fleet.servers", "jitd_fleet.stream", "jitd_fleet.subjects", "jitpam.wire.coding",
        "jitpam.wire.framing", "jitpam.wire.messages",
    },
    "jitd_fleet.nats_carrier": {"jitd_fleet.desk", "jitd_fleet.subjects", "jitpam.carrier", "jitpam.client"},
    "jitd_fleet.desk": {
        "jitd_fleet.engine", "jitd_fleet.nkey", "jitd_fleet.pump", "jitd_fleet.roll", "jitd_fleet.stream", "jitd_fleet.subjects",
        "jitpam.carrier", "jitpam.client",
    },
    "jitd_fleet.own_word": {
        "jitd_fleet.own_door", "jitpam.wire.coding", "jitpam.wire.faults", "jitpam.wire.framing", "jitpam.wire.messages",
    },
    "jitd_fleet.listening": {"jitd_fleet.own_door", "jitpam.wire.coding", "jitpam.wire.framing", "jitpam.wire.messages"},
    "jitd_fleet.tcp": {"jitpam.carrier", "jitpam.client"},
    "jitd_fleet.assembly": {"jitd.cli.hosts", "jitd_fleet.called", "jitd_fleet.hosts"},
    "jitd_fleet.hosts": {
        "jitd.cli.answer", "jitd.cli.hosts", "jitd.cli.not_done", "jitd_fleet.many", "jitd_fleet.nats_carrier", "jitd_fleet.nkey",
        "jitd_fleet.servers", "jitd_fleet.subjects", "jitd_fleet.tcp", "jitpam.carrier",
    },
    "jitd_fleet.many": {
        "jitd.cli.answer", "jitd.cli.call", "jitd.cli.far", "jitd.cli.hosts", "jitd.core.command", "jitd_fleet.called",
        "jitpam.carrier", "jitpam.client", "jitpam.krb5", "jitpam.wire.messages", "jitpam.wire.rows",
    },
    "jitd_fleet.called": {
        "jitd.audit.libcrypto", "jitd.cli.answer", "jitd.cli.call", "jitd.cli.hosts", "jitd_fleet.pins", "jitd_fleet.roll",
        "jitpam.carrier", "jitpam.client", "jitpam.wire.messages",
    },
    "jitd_fleet.pins": {"jitd_fleet.roll"},
    "jitd_fleet.roll": {"jitd.audit.forms", "jitd_fleet.signatures"},
    "jitd_fleet.signatures": {"jitd.audit.libcrypto", "jitd.core.ssh_keys", "jitd.audit.ssh_signatures"},
    "jitd_fleet.ed25519": {"jitd.audit.libcrypto"},
    "jitd_fleet.nkey": {"jitd_fleet.ed25519"},
    "jitd_board": {CORE, WIRE, "jitpam", "jitpam.client", "jitpam.local_proof", "jitpam.saying", "jitd.cli", "jitd_board"},
    "jitd_policy": {
        CORE, WIRE, "jitd.cli", "jitd.extensions", "jitd.hosts", "jitd.policy_tables", "jitd.settings",
        "jitd_inspection.standing.scene", "jitd_inspection.standing.sudo_ldif", "jitd_policy",
    },
    "jitd_policy.robots": {
        CORE, "jitd.settings", "jitd_inspection.checking.directory", "jitd_inspection.checking.known", "jitd_policy",
    },
    "jitd_outsiders": set(),
    "jitd_things": set(),
    "jitd_sinks": {"jitd.audit.forms", "jitd.audit.events", "jitd.core.wording"},
    "jitd_sinks.verbs": {WIRE, "jitpam.client", "jitd.cli", "jitd_sinks.verbs"},
    "jitd_evidence": set(),
    "jitd_evidence.assembly": {
        CORE, "jitd.audit.countersigned", "jitd.deciding.seats", "jitd.extension_points", "jitd.verbs.access",
        "jitd.verbs.answers", "jitd_evidence.pack.verifier", "jitd_evidence.serving.packs", "jitd_evidence.serving.reports",
        "jitpam.wire.messages",
    },
    "jitd_evidence.pack": {CORE},
    # what becomes one file, which stands alone in each pack
    "jitd_evidence.pack.verify": {
        "jitd.audit.allowed_signers", "jitd.audit.host_names", "jitd.audit.moves", "jitd.audit.receipt",
        "jitd.audit.receipted", "jitd.audit.ssh_signatures",
        "jitd.audit.sshsig", "jitd.audit.strict_json", "jitd.audit.times", "jitd.core.differences", "jitd.core.instead",
        "jitd.core.moves", "jitd_evidence.pack.zipped",
    },
    "jitd_evidence.pack.zipped": {"jitd.audit.strict_json"},
    "jitd_evidence.pack.verifier": {"jitd", "jitd.core.moves"},
    "jitd_evidence.report": {CORE, WIRE, "jitpam.secret_words", "jitd.store", "jitd_evidence.report"},
    # the daemon's half, and the client's
    "jitd_evidence.serving": {
        CORE, WIRE, "jitd.audit", "jitd.deciding.ground", "jitd.lifecycle.lifecycle", "jitd.recording",
        "jitd.store", "jitd.verbs", "jitd_evidence.pack", "jitd_evidence.report", "jitd_evidence.serving",
    },
    "jitd_evidence.verbs": {
        CORE, WIRE, "jitpam.client", "jitd.audit", "jitd.cli", "jitd.extensions", "jitd.inspector", "jitd.reloading",
        "jitd.settings", "jitd.store", "jitd_evidence.pack.zipped", "jitd_evidence.report", "jitd_evidence.witness",
        "jitd_evidence.witness_directory",
    },
    # what a witness concludes, on a machine of its own
    "jitd_evidence.witness": {CORE, "jitd.audit"},
    "jitd_evidence.witness_directory": {"jitd.audit", "jitd.files.durable", "jitd_evidence.witness"},
    "jitd_inspection": set(),
    "jitd_inspection.assembly": {
        CORE, "jitd.audit.privileges", "jitd.inspector", "jitd.settings.config", "jitd.store.opening",
        "jitd_inspection.checking", "jitd_inspection.doctor.state", "jitd_inspection.standing.looking",
    },
    # what `jitd check` warns about, without a daemon
    "jitd_inspection.checking": {
        CORE, "jitd.deciding.accounts", "jitd.deciding.groups", "jitd.deciding.signers", "jitd.extensions", "jitd.kdc.named",
        "jitd.settings", "jitpam.initiator",
        "jitd_inspection.checking", "jitd_outsiders.asking.settings", "jitd_outsiders.outside.addresses",
        "jitd_outsiders.outside.urls", "jitd_things.settings",
    },
    "jitd_inspection.checking.warnings": {
        CORE, "jitd.extensions", "jitd.settings", "jitpam.initiator", "jitd_inspection.checking", "jitd_outsiders.settings",
        "jitd_things.settings",
    },
    # what runs the checks of edits as the monitor does
    "jitd_inspection.checking.edits": {
        CORE, "jitd.deciding.accounts", "jitd.files.inspection", "jitd.monitor.checking", "jitd.monitor.slate",
        "jitd.settings.config",
    },
    # whether the host is set up right: its findings, and the processes in which it looks, know no host
    "jitd_inspection.doctor.finding": {"jitpam.wire.declared"},
    "jitd_inspection.doctor.round": {"jitpam.initiator", "jitpam.wire.declared", "jitd_inspection.doctor.finding"},
    "jitd_inspection.doctor": {
        CORE, "jitd.audit", "jitd.beside.processes", "jitd.deciding.groups", "jitd.deciding.s4u2self", "jitd.deciding.signers",
        "jitd.extensions", "jitd.files.mounts", "jitd.files.processes", "jitd.hosts", "jitd.kdc", "jitd.monitor.pam_session",
        "jitd.monitor.pam_stack", "jitd.monitor.places", "jitd.monitor.proof_orders", "jitd.packages", "jitd.recording",
        "jitd.settings", "jitd.store", "jitd.versions",
        "jitpam", "jitpam.client", "jitpam.initiator", "jitpam.wire.messages", "jitd.server.verified_pac", "jitd_gates.gates",
        "jitd_gates.messages", "jitd_gates.settings", "jitd_gates.strings", "jitd_gates.writer",
        "jitd_inspection.checking.directory",
        "jitd_inspection.checking.known", "jitd_inspection.doctor", "jitd_inspection.pamlint",
        "jitd_inspection.standing.robots",
        "jitd.facts.sessions", "jitd_outsiders.notifying.terminals", "jitd_outsiders.settings", "jitd_things.givers.account",
        "jitd_things.givers.account_notes", "jitd_things.givers.account_numbers", "jitd_things.settings",
    },
    # what goes around a gate, and who needs none
    "jitd_inspection.pamlint": {"jitd.core.code_variables", "jitd.hosts", "jitd_inspection.pamlint"},
    "jitd_inspection.standing": {
        CORE, "jitpam.initiator", "jitd.audit.privileges", "jitd.deciding.groups", "jitd.hosts", "jitd.settings.config",
        "jitd_inspection.pamlint", "jitd_inspection.standing",
    },
    "jitd_inspection.standing.robots": {
        "jitd.hosts.places", "jitd.settings.config", "jitd_inspection.checking.known", "jitd_inspection.pamlint.linting",
        "jitd_inspection.standing",
    },
    # what a host lacks before its first request
    "jitd_inspection.setup": {
        "jitd.beside.processes", "jitd.core.toml_document", "jitd.extensions", "jitd.kdc.keytab", "jitd.settings",
        "jitpam.initiator", "jitd_inspection.doctor", "jitd_inspection.setup", "jitd_inspection.standing.robots",
        "jitd_outsiders.notifying.mail", "jitd_outsiders.settings",
    },
    "jitd_inspection.verbs": {
        CORE, "jitpam.initiator", "jitpam.wire.messages", "jitpam.wire.shown", "jitd.audit.events", "jitd.cli",
        "jitd.extensions", "jitd.files.durable", "jitd.hosts", "jitd.settings", "jitd_inspection",
    },
    "jitd.daemon": {"jitd", "jitpam"},  # the one place where concrete parts are named
}  # fmt: skip
"""A module, or a package with all below it → what of ours it may import, likewise. The longest name that fits is the row."""

ALL_BELOW = {"jitd.daemon"}
"""Rows in which even ``jitd`` and ``jitpam`` mean all that is below them; in the others these two are the packages' own files."""

PURE_OF_HOSTS = ("control", "findings", "lines", "stack", "starting", "sudo_plugin", "sudoers")
PURE_OF_PAMLINT = (
    "beside", "environment", "evaluation", "gates", "judgement", "ksu", "loading", "modules", "services", "sshdconfig",
    "sudoconf",
)  # fmt: skip
"""All of it but what reads files and what makes a round of it."""

PURE = {
    "jitd.core": "__future__ abc base64 binascii bisect collections dataclasses datetime difflib enum functools hashlib ipaddress"
    " itertools json math operator re reprlib stat string tomllib types typing unicodedata zoneinfo",
    "jitd_commands": "__future__ collections dataclasses enum functools ipaddress posixpath re string typing",
    "jitpam.wire": "__future__ _json binascii collections dataclasses enum json re struct typing unicodedata",
    "jitd.expressions.parse": "__future__ collections dataclasses",
    "jitd.audit.events": "__future__ collections dataclasses typing",
    "jitd.audit.sentences": "__future__ collections dataclasses datetime functools re typing",
    "jitd.recording.form": "__future__ dataclasses enum hashlib json re typing zlib",
    "jitd.recording.sequences": "__future__ codecs enum re typing",
    "jitd.recording.filter": "__future__ re",
    "jitd.recording.player": "__future__ collections itertools math",
    "jitd_inspection.doctor.finding": "__future__ dataclasses re typing",
    "jitd_inspection.setup.plan": "__future__ base64 collections dataclasses difflib hashlib json re tomllib",
    "jitd.audit.privileges": "__future__ collections dataclasses json typing",
    "jitd.recording.asciicast": "__future__ codecs collections json",
    "jitd.invocation": "__future__ collections dataclasses re",
    "jitd.versions": "__future__ collections re typing",
    "jitd_outsiders.outside.deliveries": "__future__ collections dataclasses re typing",
    "jitd_outsiders.outside.fields": "__future__",
    "jitd_outsiders.outside.leases": "__future__ collections dataclasses re typing",
    "jitd_outsiders.outside.messages": "__future__ dataclasses ipaddress typing",
    "jitd_outsiders.outside.ssh_certificates": "__future__ base64 binascii",
    "jitd_outsiders.outside.urls": "__future__ dataclasses re",
    "jitd_outsiders.outside.addresses": "__future__ ipaddress",
    "jitd_outsiders.asking.hearing": "__future__ collections datetime hmac",
    "jitd_outsiders.asking.json_text": "__future__ json math re",
    "jitd_outsiders.asking.telling": "__future__ collections datetime",
    "jitd_gates.messages": "__future__ dataclasses typing",
    "jitd_gates.askers": "__future__ dataclasses typing",
    "jitd_outsiders.notifying.channel": "__future__ dataclasses typing",
    "jitd_outsiders.notifying.foreign": "__future__ re",
    "jitd_outsiders.notifying.templates": "__future__ collections dataclasses re",
    "jitd_outsiders.notifying.wording": "__future__ collections dataclasses datetime re",
    "jitd_outsiders.terminals.messages": "__future__ dataclasses typing",
    "jitd_outsiders.programs.messages": "__future__ dataclasses typing",
    "jitd.kdc.names": "__future__ re",
    "jitd.kdc.seeking": "__future__ dataclasses typing",
    "jitd_gates.strings": "__future__ dataclasses re typing",
    "jitd_gates.entry": "__future__ collections typing",
    "jitd_gates.plan": "__future__ collections dataclasses re",
    "jitd.kdc.keytab": "__future__ struct",
    "jitd.server.pac": "__future__ dataclasses struct",
    **{
        f"jitd_inspection.checking.{name}": "__future__ collections dataclasses functools itertools re typing"
        for name in ("known", "order", "people", "reach", "things")
    },
    **{f"jitd.hosts.{name}": "__future__ collections dataclasses fnmatch functools re typing" for name in PURE_OF_HOSTS},
    **{
        f"jitd_inspection.pamlint.{name}": "__future__ collections dataclasses fnmatch functools re typing"
        for name in PURE_OF_PAMLINT
    },
}
"""Package → the only modules of the standard library that it may import: no clock, file, socket, process, randomness or log."""


def row_of(name: str) -> str:
    """The row of LAW for the module ``name``. Raises KeyError where there is none."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        row = ".".join(parts[:length])
        if row in LAW and (length == len(parts) or row not in ("jitd", "jitpam")):
            return row
    raise KeyError(name)


def is_allowed(imported: str, row: str) -> bool:
    """True if the modules of ``row`` may import ``imported``."""
    for allowed in LAW[row]:
        is_below = imported.startswith(allowed + ".") and (allowed not in ("jitd", "jitpam") or row in ALL_BELOW)
        if imported == allowed or is_below:
            return True
    return False


def trespasses(module: Module) -> list[str]:
    """What ``module`` imports of ours and may not."""
    row = row_of(module.name)
    ours = {name for name in imports(module) if is_ours(name)}
    return sorted(name for name in ours if not is_allowed(name, row))


def test_a_module_imports_what_its_row_of_the_law_allows() -> None:
    found = {module.place: trespasses(module) for module in MODULES}
    assert {place: may_not for place, may_not in found.items() if may_not} == {}


NO_KIND = {f"jitd_things.givers.{name}" for name in ("client", "deed", "kinds", "messages", "process", "questions")}
"""The modules of ``jitd_things.givers`` that carry orders to kinds and answers from them."""
KINDS_MAY = (
    CORE, WIRE, "jitd.extensions", "jitd.files.durable", "jitd.files.mounts", "jitd.files.processes", "jitd_things.givers",
    "jitd.settings", "jitd.beside.deeds", "jitd.beside.refusals", "jitd.beside.processes", "jitd.beside.secret",
    "jitd.beside.starting", "jitd_outsiders.outside.urls",
    "jitd_outsiders.asking.settings",
)  # fmt: skip


def test_a_kind_of_thing_knows_nothing_of_the_daemon_and_of_how_orders_come() -> None:
    """An order comes in, and an answer goes out, with the descriptor of one sealed secret at most (``givers/kind.py``)."""
    kinds = [module for module in MODULES if module.name.startswith("jitd_things.givers.") and module.name not in NO_KIND]
    assert len(kinds) > 8
    found = {}
    for module in kinds:
        ours = {name for name in imports(module) if is_ours(name)}
        below = {name for name in ours if name in NO_KIND or not any(name == a or name.startswith(f"{a}.") for a in KINDS_MAY)}
        if below:
            found[module.place] = sorted(below)
    assert found == {}


def test_no_row_allows_what_nobody_does() -> None:
    """A permission that is dead is a way that stands open."""
    used: dict[str, set[str]] = {row: set() for row in LAW}
    for module in MODULES:
        used[row_of(module.name)] |= {name for name in imports(module) if is_ours(name)}
    dead = {
        row: sorted(a for a in allowed if not any(name == a or name.startswith(a + ".") for name in used[row]))
        for row, allowed in LAW.items()
    }
    assert {row: named for row, named in dead.items() if named} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Types count as well: what can be read only together is one module, or has a part that neither of the two needs."""
    graphlib.TopologicalSorter({module.name: imports(module) & NAMES - {module.name} for module in MODULES}).prepare()


def test_every_row_of_the_law_is_about_something_that_exists() -> None:
    assert sorted(LAW.keys() - NAMES) == []


def foreign(module: Module) -> set[str]:
    """What ``module`` imports that is not ours."""
    return {name.partition(".")[0] for name in imports(module) if not is_ours(name)}


def test_what_is_pure_imports_pure_things_only() -> None:
    pure = [(module, package) for module in MODULES for package in PURE if module.name.startswith(package)]
    assert {package for _, package in pure} == PURE.keys(), "each of them exists"
    found = {module.place: sorted(foreign(module) - set(PURE[package].split())) for module, package in pure}
    assert {place: worldly for place, worldly in found.items() if worldly} == {}


def test_the_side_that_asks_starts_with_the_standard_library_alone() -> None:
    """Each import is a part of every start, and some of it runs inside somebody else's process."""
    found = {m.place: sorted(foreign(m) - STANDARD) for m in MODULES if m.name.startswith("jitpam")}
    assert len(found) > 20
    assert {place: more for place, more in found.items() if more} == {}


def test_what_the_launcher_forks_has_two_bindings_to_libpam_and_no_other_package() -> None:
    """contrib/install gives the launcher no more, and whatever else it imported would be missing there."""
    row = LAW["jitd.monitor"]
    found = {m.place: sorted(foreign(m) - STANDARD) for m in MODULES if any(m.name.startswith(a) for a in row)}
    assert {place: more for place, more in found.items() if more} == {
        "jitd/monitor/pam_session.py": ["pamela"],
        "jitd/monitor/proving.py": ["pam"],
    }


def test_the_process_that_writes_into_the_kdc_has_the_standard_library_alone() -> None:
    """So it is started from a directory without any other package, and what asks the KDCs is, too."""
    found = {m.place: sorted(foreign(m) - STANDARD) for m in MODULES if m.name.startswith(("jitd.kdc", "jitd_gates"))}
    assert len(found) > 20
    assert {place: more for place, more in found.items() if more} == {"extensions/jitd_gates/gating.py": ["click"]}


PROCESSES = (
    *(f"jitd.{room}" for room in ("beside", "executor", "monitor")),
    *(f"jitd_outsiders.{room}" for room in ("outside", "programs", "terminals")),
    *(f"jitd_things.{room}" for room in ("givers", "giving")),
    "jitd_gates",
    "jitd_inspection.doctor.round",
)


def test_what_processes_of_ours_say_to_each_other_is_read_by_the_one_codec() -> None:
    """ADR 0126. What another codec reads there is named: the answers of servers to a batch of records."""
    believing = {"marshal", "pickle", "shelve"}
    assert [module.place for module in MODULES if foreign(module) & believing] == []
    rooms = {module: room for module in MODULES for room in PROCESSES if f"{module.name}.".startswith(f"{room}.")}
    assert set(rooms.values()) == set(PROCESSES), "each of them exists"
    assert [module.place for module in rooms if foreign(module) & {"json", "msgspec"}] == [
        "extensions/jitd_outsiders/outside/batches.py"
    ]


def test_the_process_that_runs_programs_has_the_standard_library_alone() -> None:
    """So it is started from a directory without any other package."""
    rooms = ("jitd.beside", "jitd_outsiders.programs", "jitd.files")
    found = {m.place: sorted(foreign(m) - STANDARD) for m in MODULES if m.name.startswith(rooms)}
    assert len(found) > 15
    assert {place: more for place, more in found.items() if more} == {}


def test_the_process_that_writes_to_terminals_has_the_standard_library_alone() -> None:
    """So it is started from a directory without any other package."""
    found = {m.place: sorted(foreign(m) - STANDARD) for m in MODULES if m.name.startswith("jitd_outsiders.terminals")}
    assert len(found) >= 5
    assert {place: more for place, more in found.items() if more} == {}


def test_the_daemon_never_opens_a_terminal_of_somebody() -> None:
    """ADR 0045: what opens terminals is imported by one process alone, and that one by nobody."""
    assert [module.name for module in MODULES if "jitd_outsiders.terminals.writing" in imports(module)] == [
        "jitd_outsiders.terminals.process"
    ]
    assert [module.name for module in MODULES if "jitd_outsiders.terminals.process" in imports(module)] == []


def test_the_daemon_never_runs_a_program_itself() -> None:
    """What forks and executes an administrator's program is imported by one process alone, and that one by nobody."""
    assert [module.name for module in MODULES if "jitd_outsiders.programs.running" in imports(module)] == [
        "jitd_outsiders.programs.process"
    ]
    assert [module.name for module in MODULES if "jitd_outsiders.programs.process" in imports(module)] == []


def test_the_daemon_never_speaks_kadmin() -> None:
    """ADR 0032: the one module that calls libkadm5 is imported by one process alone."""
    assert [module.name for module in MODULES if "jitd_gates.kadmin" in imports(module)] == ["jitd_gates.worker"]
    assert [module.name for module in MODULES if "jitd_gates.worker" in imports(module)] == ["jitd_gates.process"]
    assert [module.name for module in MODULES if "jitd_gates.process" in imports(module)] == []


def test_nobody_but_a_deed_calls_what_does_deeds() -> None:
    """The daemon has the modules of kinds, and reads their settings alone."""
    calls = {
        module.name
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "deeds"
    }
    assert calls == {"jitd_things.givers.deed"}
    assert [module.name for module in MODULES if "jitd_things.givers.deed" in imports(module)] == ["jitd_things.givers.process"]
    assert [module.name for module in MODULES if "jitd_things.givers.process" in imports(module)] == []


def test_no_process_but_a_deed_loads_the_library_of_postgresql() -> None:
    """ADR 0057: what imports psycopg is imported when a role is given, and by nobody else."""
    assert {m.name for m in MODULES if "psycopg" in foreign(m)} == {
        "jitd_things.givers.postgres_remains", "jitd_things.givers.postgres_roles", "jitd_things.givers.postgres_server",
        "jitd_things.givers.postgres_taking",
    }  # fmt: skip
    line = (
        "import jitd_things.givers.process, sys; assert 'jitd_things.givers.kinds' in sys.modules;"
        " assert 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", line], check=True, cwd=TREE)


def test_what_gives_things_loads_nothing_that_decides() -> None:
    line = (
        "import jitd_things.givers.process, sys;"
        " assert sys.modules.keys().isdisjoint({'jitd.core.gatekeeping', 'jitd.core.decision', 'jitd.core.claims'})"
    )
    subprocess.run([sys.executable, "-c", line], check=True, cwd=TREE)


def test_the_daemon_never_speaks_http_or_smtp() -> None:
    """ADR 0037, ADR 0045: what speaks HTTP or SMTP is imported by one process alone, and nothing of the daemon is in it.

    ``jitd check``, which is not the daemon, opens connections and says nothing.
    """
    assert {m.name for m in MODULES if foreign(m) & {"httpcore", "ssl", "http", "urllib", "smtplib"}} == {
        "jitd_fleet.engine", "jitd_inspection.checking.gatekeepers",
        "jitd_outsiders.outside.batching", "jitd_outsiders.outside.connecting",
        "jitd_outsiders.outside.fetching",
        "jitd_outsiders.outside.posting", "jitd_outsiders.outside.syslog",
    }  # fmt: skip
    importers = {
        "jitd_outsiders.outside.connecting": "batching delivering fetching leasing posting syslog",
        "jitd_outsiders.outside.fetching": "batching leasing posting process syslog",
        "jitd_outsiders.outside.leasing": "process", "jitd_outsiders.outside.delivering": "process",
        "jitd_outsiders.outside.syslog": "syslog_sink",
        "jitd_outsiders.outside.batching": "https_sink",
        "jitd_outsiders.outside.posting": "process", "jitd_outsiders.outside.signing": "fetching",
    }  # fmt: skip
    assert {m.name for m in MODULES if "jitd_inspection.checking.gatekeepers" in imports(m)} == {
        "jitd_inspection.checking.warnings"
    }
    assert {m.name for m in MODULES if "jitd_inspection.checking.warnings" in imports(m)} == {"jitd_inspection.assembly"}
    for name, by in importers.items():
        assert [m.name for m in MODULES if name in imports(m)] == [
            f"jitd_outsiders.outside.{importer}" for importer in by.split()
        ]
    assert [m.name for m in MODULES if "jitd_outsiders.outside.process" in imports(m)] == []
    of_daemon = "import jitd.daemon, jitd.settings.config, jitd_sinks.sinks.sinks, sys"
    line = f"{of_daemon}; assert not {{'httpcore', 'jitd_outsiders.outside.syslog'}} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", line], check=True, cwd=TREE)
    assert {m.name for m in MODULES if foreign(m) & {"http_message_signatures", "cryptography"}} == {
        "jitd_outsiders.asking.signatures", "jitd.audit.key_file", "jitd_evidence.pack.verify", "jitd.audit.signing_key",
        "jitd.audit.sshsig",
        "jitd_outsiders.outside.signing", "jitd.store.masked_words",
    }  # fmt: skip


def test_jitd_outside_reads_no_settings_and_only_it_opens_sinks() -> None:
    """A kind of sink has both in one module, and each side imports what it needs (``outside/sink.py``)."""
    line = (
        "import jitd_outsiders.outside.process, sys;"
        " assert not [m for m in sys.modules if m.startswith(('jitd.core', 'jitd.settings'))]"
    )
    subprocess.run([sys.executable, "-c", line], check=True, cwd=TREE)
    calls = {
        module.name
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "opened"
    }
    assert "jitd_outsiders.outside.delivering" in calls
    assert not any(name.startswith(("jitd.settings", "jitd_sinks.sinks", "jitd.daemon")) for name in calls)


def test_the_wire_and_the_core_do_not_know_each_other() -> None:
    for module in MODULES:
        if module.name.startswith(CORE):
            assert not any(name.startswith("jitpam") for name in imports(module)), module.place
        if module.name.startswith(WIRE):
            assert not any(name.startswith("jitd") for name in imports(module)), module.place


def test_only_the_verb_that_is_the_daemon_imports_it() -> None:
    importers = {module.name for module in MODULES if any(name.startswith("jitd.daemon") for name in imports(module))}
    assert importers == {"jitd.cli.house"}


def test_one_room_alone_knows_the_package_of_expressions() -> None:
    """ADR 0035: the core is handed pure functions, and does not know CEL."""
    importers = {module.name for module in MODULES if "cel_expr_python" in foreign(module)}
    assert importers == {"jitd.expressions.compiling", "jitd.expressions.patterns"}


def test_of_what_kind_the_store_is_one_module_knows() -> None:
    assert [module.name for module in MODULES if "jitd.store.sqlite" in imports(module)] == ["jitd.store.opening"]


def test_a_daemon_without_a_channel_for_mail_does_not_load_the_package_email() -> None:
    parts = (
        "jitd.daemon, jitd_outsiders.announcing.assembly, jitd_outsiders.assembly, jitd.deciding.decider, jitd.server.services"
    )
    line = f"import {parts}, sys; assert 'jitd_outsiders.notifying.webhook' in sys.modules; assert 'email' not in sys.modules"
    subprocess.run([sys.executable, "-c", line], cwd=TREE, check=True)
