# SPDX-License-Identifier: Apache-2.0
"""``jitd serve``: reads the settings, builds the parts, serves and stops. Only this module names concrete classes.

Law: jitd reports a fault of the settings or the database before the socket exists. After that, only a signal ends the daemon. A
fault of the policy stops nothing but permits (``reloading``). The daemon removes all variables from its environment, except those
in SUPERVISED.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import astuple
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jitd import extensions, systemd
from jitd.claiming import claim
from jitd.core.condition import Family, Line, gauge
from jitd.core.named_groups import NamedGroups, in_words
from jitd.core.policy import Policy, given_things, groups_named, takes_local_proofs
from jitd.core.subject import ROOT, Subject
from jitd.core.thing import is_service_ticket, service_of
from jitd.core.toml_document import ConfigError
from jitd.deciding import origins
from jitd.deciding.account_policy import AccountPolicy
from jitd.deciding.accounts import Accounts
from jitd.deciding.subordinates import Subordinates
from jitd.executor import Ended, Executor, ExecutorError, Held, Here, Ready, Report, Started, Trouble
from jitd.executor.direct import Direct
from jitd.failures import Failure, count, counted, last
from jitd.files.silence import MOUNTS
from jitd.log import log, use_journal
from jitd.releasing import RELEASER, many
from jitd.reloading import PolicyInForce
from jitd.settings import config as settings
from jitd.settings import host
from jitd.settings.config import Config
from jitd.settings.needs import unreachable
from jitd.store import Conflict, StoreError
from jitd.verbs import status
from jitd.verbs.refusal import Refusal
from jitpam import __version__

if TYPE_CHECKING:
    from jitd.asking.assembly import Outsiders
    from jitd.core.chain import Seal
    from jitd.lifecycle.lifecycle import Lifecycle
    from jitd.lifecycle.perform import Perform
    from jitd.store import Store
    from jitd.workers import Workers

SUPERVISED = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "WATCHDOG_USEC", "WATCHDOG_PID")
"""The environment variables that the daemon keeps. A service manager uses these variables to communicate with its service."""
BOOTED = Path("/run/systemd/system")
"""This directory exists only if systemd is process 1."""
RESERVE = 256
"""The number of file descriptors that are reserved for runs, the database and root."""
AGAIN_AFTER = 1.0
"""Seconds before the daemon tries again to record an event."""
SWITCHED_WITHIN = 0.0005
"""Seconds after which a worker thread must let the event loop run. Until one answer is sent, the loop may wait several times."""
COUNTED_EVERY = 60.0
"""Seconds between two log lines about unknown clients that broke the protocol, and between two reads of /etc/subuid."""


class Daemon:
    """All parts of a running daemon. ``services`` are the parts that a connection needs."""

    def __init__(self, config: Config, rules: PolicyInForce, executor: Executor, file: Path | None = None) -> None:
        # Imported here, because the launcher is forked before, and libkrb5 reads the environment when it is loaded.
        from jitd.announcing.assembly import announcing
        from jitd.announcing.notices import Notices
        from jitd.asking.assembly import Outsiders
        from jitd.asking.gatekeepers import Now
        from jitd.audit.countersigned import file_of as countersignatures
        from jitd.audit.countersigned import stored
        from jitd.audit.signing import Signing
        from jitd.deciding.decider import Decider
        from jitd.deciding.explaining import Explainer
        from jitd.deciding.findings import Findings
        from jitd.deciding.kdc_liveness import Kdc
        from jitd.deciding.seats import Seating
        from jitd.deciding.using import Using
        from jitd.facts.gathering import Gatherer
        from jitd.giving import Givers
        from jitd.giving.assembly import all_givers, line_to_givers
        from jitd.giving.let_in import LetIn
        from jitd.giving.service_tickets import ServiceTickets
        from jitd.giving.standing import take_standing
        from jitd.giving.trials import Trials
        from jitd.kdc.reach import Reach, is_unanswered
        from jitd.kdc.settings import GateSection
        from jitd.kdc.strings import canary
        from jitd.kdc.writer import Writer
        from jitd.lifecycle.drift import Drift
        from jitd.lifecycle.forgetting import Forgetting
        from jitd.lifecycle.integrity import Noted, examine
        from jitd.lifecycle.lifecycle import Lifecycle
        from jitd.lifecycle.perform import Perform
        from jitd.lifecycle.readers import Readers
        from jitd.lifecycle.recovery import Recovery
        from jitd.lifecycle.waiters import Waiters
        from jitd.metrics.answer import Metrics
        from jitd.metrics.meters import Meters
        from jitd.metrics.record import signatures
        from jitd.recording.reserve import is_reached
        from jitd.server.acceptor import Acceptor
        from jitd.server.complaints import Complaints
        from jitd.server.identifying import Identifying
        from jitd.server.local_proofs import LocalProofs
        from jitd.server.own_key import OwnKey
        from jitd.server.services import Services
        from jitd.server.telling import Turns
        from jitd.settings.sinks import SinkSection
        from jitd.sinks.feed import Office
        from jitd.sinks.host_log import HostLog
        from jitd.sinks.sinks import Sinks
        from jitd.store.made_accounts import behind_in, made_by
        from jitd.store.opening import file_of, open_cursors, open_store, read_store
        from jitd.verbs.access import Access
        from jitd.verbs.endings import Endings
        from jitd.verbs.explanations import Explanations
        from jitd.verbs.keys import Keys
        from jitd.verbs.lists import Lists
        from jitd.verbs.locks import Locks
        from jitd.verbs.mutes import Mutes, muted
        from jitd.verbs.observers import Observers
        from jitd.verbs.owed_reviews import OwedReviews
        from jitd.verbs.packs import Packs
        from jitd.verbs.recordings import Recordings
        from jitd.verbs.records import Records
        from jitd.verbs.reports import Reports
        from jitd.verbs.requests import Requests
        from jitd.verbs.reviews import Reviews
        from jitd.verbs.status import Status
        from jitd.workers import HOUSE, Workers

        realm = min(config.realms) if len(config.realms) == 1 else host.default_realm(host.KRB5_CONF) or min(config.realms)
        now = origins.moment
        self._rules = rules
        self._store: Store = open_store(config.state, config.socket.parent / "masks.key")

        self._loop: asyncio.AbstractEventLoop | None = None  # not before it serves

        def found_damaged(life: str, id: str) -> None:
            """Any thread may call this. What reads goes on without the object, and may not be changed under it."""
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self.perform.set_aside, life, id)

        self._store.found_damaged = found_damaged

        def opened() -> Store:
            store = read_store(file_of(config.state))
            store.found_damaged = found_damaged
            return store

        noted = Noted(config.socket.parent / "head")
        damaged = examine(self._store, noted)
        overseers = in_words(config.operators) | in_words(config.auditors)

        @lru_cache(1)  # there may be thousands, and each of them is hashed
        def together(of_rules: NamedGroups, of_requests: frozenset[str]) -> NamedGroups:
            return of_rules.plus(overseers, of_requests)

        def named() -> NamedGroups:
            return together(groups_named(self._rules.policy), self._store.groups_named)

        self._workers: Workers = Workers()

        def in_sinks_lane(work: Callable[[], Any]) -> Awaitable[Any]:
            return self._workers.sinks.run(HOUSE, work)

        self._noted = noted
        self._readers: Readers = Readers()
        self._meters: Meters = self._readers.add("counts", Meters(now().at.timestamp()))
        self._readers.add(
            "journal", HostLog(self._store, opened, in_sinks_lane, time.monotonic, config.socket.parent / "journal")
        )
        people = dict(config.people)
        self._accounts = Accounts(config.naming, people, config.min_uid, named, made_by(opened))
        self._lifecycle: Lifecycle = Lifecycle(
            self._store,
            now,
            lambda: self._rules.policy.digest,
            self._committed,
            self._readers.changed,
            lambda: self._rules.policy.text,
            config.people,
        )
        self._signing: Signing = Signing(self._store, config.host, config.state, now, self._lifecycle.note)
        self._signing.told.append(lambda checkpoint: self._readers.signed(checkpoint.number))
        for one in damaged:
            try:
                self._lifecycle.set_aside(one)
            except Conflict as fault:
                raise StoreError(f"the database is damaged: {fault}; jitd audit verify says more") from fault
        self._executor = executor
        self._unrecorded: dict[str, list[Report]] = {}  # reports about a run that wait until they can be recorded
        waiters = Waiters()

        def note(name: str, detail: dict[str, Any]) -> None:
            self._lifecycle.note(name, "jitd", 0, detail)

        service = f"jitd/{config.host}@{realm}"
        reach = Reach(lambda: is_unanswered(realm, service))
        acceptor = Acceptor(config.keytab, config.host, realm)
        self._own_key = OwnKey(acceptor.credentials, partial(self._workers.names.run, HOUSE), time.time)
        kdc = Kdc(config.keytab, service, reach.is_unreachable, partial(count, Failure.KDC))
        writer = Writer(config.of(GateSection).kdc)
        self._trials = Trials(
            writer.gate_states,
            canary(config.host, realm),
            lambda: [service_of(thing, realm) for thing in given_things(self._rules.policy) if is_service_ticket(thing)],
            note,
        )
        clocks, is_direct = Now(lambda: now().at, lambda: now().boot), isinstance(executor, Direct)
        self._outsiders: Outsiders = Outsiders(config, clocks, time.monotonic, is_direct=is_direct)
        office = Office(
            deliver=self._outsiders.posts.deliver,
            in_thread=in_sinks_lane,
            note=note,
            cursors=open_cursors(file_of(config.state)),
            clock=time.monotonic,
            now=lambda: now().at,
        )
        self._readers.add("sinks", Sinks(config.of(SinkSection).sinks, self._store, config.host, opened, office))
        tickets = self._tickets = ServiceTickets(
            writer, self._trials, realm, config.of(GateSection).renew, now, self._store.holdings, self._store.holding
        )
        self._givers_line = line_to_givers(file, is_direct=is_direct)
        let_in = LetIn(config.socket.parent / "let_in")
        givers: Givers = all_givers(
            config, tickets, self._givers_line, self._outsiders.ways, self._store.grant, lambda: now().at, let_in
        )
        gather = Gatherer(opened=opened, now=now, trusted=config.trusted_places).gather
        policy: Callable[[], Policy] = lambda: self._rules.policy  # noqa: E731
        decider = Decider(
            config=config,
            policy=policy,
            store=self._store,
            accounts=self._accounts,
            account_policy=AccountPolicy(
                config.pam.requester, executor.account_code, lambda account: behind_in(self._store, account)
            ).denial,
            ask_kdc=kdc.answer,
            refused=kdc.refused,
            not_given=givers.fault,
            gather=gather,
            providers=self._outsiders.providers,
            workers=self._workers,
            now=now,
            findings=Findings(extensions.grader(), config.trusted_places),
            gatekeepers=self._outsiders.gatekeepers,
            seating=Seating(
                config,
                self._workers,
                locks=self._store.locks,
                muted=lambda: muted(self._store, now().at),
                refused=kdc.refused_lately,
                ask=kdc.look_at,
            ),
        )
        self._unreachable: Callable[[], list[str]] = (list) if is_direct else partial(unreachable, config)
        self._forget_answers = decider.forget_answers, kdc.forget
        owed = lambda person: self._store.owed_reviews(person=person)  # noqa: E731
        explainer = Explainer(config, policy, self._accounts, decider.lock_on, gather, config.names, self._workers, now, owed)
        self.notices: Notices = announcing(
            config=config,
            store=self._store,
            carriers=self._outsiders,
            people=decider.seating.of_each,
            note=self._lifecycle.note,
            now=now,
            set_deadline=lambda life, id, boot: self.perform.deadlines.set(life, id, boot),
            backs=lambda asked: self.perform.holdings.backs(asked),
            looked=lambda request: self.perform.tell_waiter(request),
        )
        self.perform: Perform = Perform(
            config=config,
            decider=decider,
            lifecycle=self._lifecycle,
            store=self._store,
            executor=executor,
            givers=givers,
            waiters=waiters,
            workers=self._workers,
            now=now,
            look=self.notices.look,
        )
        self._drift: Drift = Drift(givers, self.perform.holdings, self._store, config.drifts, note, tickets.failing)
        self._standing = partial(take_standing, self._givers_line, lambda: [one.id for one in self._store.holdings()], note, log)
        self._forgetting = Forgetting(self._store, self._lifecycle, now, config.record.keep)
        self._recovery = Recovery(self.perform, self._lifecycle, self._store, executor, now)
        access = Access(config, self._store, config.people)
        holdings = self.perform.holdings
        lists = Lists(
            access=access,
            store=self._store,
            opened=opened,
            workers=self._workers,
            usage_of=self.perform.usage_of,
            now=now,
            seats=decider.seating.seats,
            notices_of=self.notices.of,
            untaken=lambda id: holdings.why_untaken(id) or tickets.failing.get(id),
            is_attended=lambda id: waiters.of(id) is not None,
            findings=decider.findings,
            judge_again=decider.judge_again,
            approvers_now=decider.approvers_now,
        )
        endings = Endings(config, access, lists, self.perform, self._store, waiters)
        meters = self._meters
        recordings = Recordings(config, access, lists, self._lifecycle, self._store, opened, self._workers, now, meters.recorded)
        signed = partial(signatures, state=config.state, witnesses=config.record.witnesses)
        self.metrics = Metrics(access, meters, self._store, opened, self._workers, file_of(config.state), signed, self._troubles)
        self._records = Records(
            host=config.host,
            naming=config.naming,
            access=access,
            store=self._store,
            opened=opened,
            workers=self._workers,
            lifecycle=self._lifecycle,
            countersigned=lambda: stored(countersignatures(config.state), config.record.witnesses).values(),
        )
        self._readers.add("followers", self._records.feed)
        reports = Reports(
            host=config.host,
            naming=config.naming,
            access=access,
            policy=policy,
            store=self._store,
            opened=opened,
            workers=self._workers,
            lifecycle=self._lifecycle,
            now=now,
            directory=config.state / "reports",
            people_of=decider.seating.named_by,
            read_policy=self._rules.read_again,
        )
        packs = Packs(
            host=config.host,
            directory=str(config.state / "recordings"),
            version=__version__,
            access=access,
            store=self._store,
            opened=opened,
            workers=self._workers,
            lifecycle=self._lifecycle,
            now=now,
            read_policy=self._rules.read_again,
            names=config.names,
            countersigned=lambda: stored(countersignatures(config.state), config.record.witnesses).values(),
        )
        subordinates = Subordinates()
        subordinates.read_file()  # so that nobody has many shares before the first look-up, which may never end
        self.services: Services = Services(
            host=config.host,
            trusted_places=config.trusted_places,
            now=now,
            store=self._store,
            workers=self._workers,
            acceptor=acceptor,
            identifying=Identifying(self._accounts, self._workers, subordinates),
            using=Using(self._store, self._accounts, self._workers),
            local_proofs=LocalProofs(
                are_taken=lambda: takes_local_proofs(self._rules.policy),
                is_unreachable=reach.is_unreachable,
                check=executor.check_password,
                opened=opened,
                note=self._lifecycle.note,
                now=now,
            ),
            subordinates=subordinates,
            access=access,
            lists=lists,
            requests=Requests(
                config, access, decider, explainer, self.perform, self._store, waiters, self._workers, now, meters.decided
            ),
            explanations=Explanations(access, explainer, self._workers, now),
            reviews=Reviews(access, decider, self.perform, self._store, now),
            owed_reviews=OwedReviews(access, decider, self.perform, self._store, now),
            endings=endings,
            locks=Locks(access, endings, self.perform, self._store, self._accounts, waiters, self._workers, now),
            recordings=recordings,
            records=self._records,
            reports=reports,
            packs=packs,
            observers=Observers(access, decider, self.perform.observing, recordings, self._store, self._workers, now),
            waiters=waiters,
            turns=Turns(),
            keys=Keys(access, self._signing),
            mutes=Mutes(self._store, self.notices.look_again, now),
            complaints=Complaints(self._lifecycle.note, now, lambda: not is_reached(config.state)),
            metrics=self.metrics,
            heard_of=self.notices.heard_of,
            status=Status(access, self._lines),
            let_go=self.perform.holdings.let_go,
            keep=self.perform.holdings.keep,
            add_let_in=let_in.add,
            reload=self.reload_for,
        )

    def _committed(self, head: Seal) -> None:
        """What happens with each commit, in this order. A decision waits for it."""
        self._noted.write(head)
        self._signing.follow(head)
        self._readers.look(head)

    async def reload_for(self, who: Subject) -> str:
        """Read the policy again for ``who``, and put it in force. If Refusal is raised, the old policy stays in force."""
        stays = "no policy is in force yet" if self._rules.policy.broken else "the old policy stays"
        try:
            policy = await self._rules.reload(self._workers)
        except Exception:  # files with a fault, files that do not answer, or a defect of jitd: nobody may miss it after SIGHUP
            faults = () if self._rules.refused is None else self._rules.refused.faults
            self._policy_refused(faults, who)
            systemd.tell(f"STATUS={self._rules.sentence}")
            raise Refusal("not_done", f"{stays}: {'; '.join(faults)}") from None
        for forget in self._forget_answers:
            forget()
        self._outsiders.providers.forget()
        self._meters.loaded(time.time())
        self._lifecycle.note("policy.loaded", who.principal, who.uid, {"rules": len(policy.rules)})
        systemd.tell(f"STATUS={self._rules.sentence}")
        self.perform.screen_due()
        rules = f"the policy is in force: {len(policy.rules)} rule{'' if len(policy.rules) == 1 else 's'}"
        return "; ".join((rules, *self._unreachable()))

    def _policy_refused(self, faults: Sequence[str], who: Subject) -> None:
        self._meters.refused()
        self._lifecycle.note("policy.refused", who.principal, who.uid, {"faults": list(faults[:20])})

    def report(self, report: Report) -> None:
        """Handle ``report``, which the executor has received from a monitor. A monitor is the process that controls one run. The
        reports about a run are recorded in the order in which they arrive.
        """
        if isinstance(report, Trouble):
            count(Failure.MONITOR)
            return log("executor", trouble=report.because)
        if report.run in self._unrecorded:
            return self._unrecorded[report.run].append(report)
        try:
            match report:
                case Ready():
                    self.perform.monitor_is_ready(report.run)
                case Here():
                    self.perform.monitor_is_here(report.run)
                case Started():
                    self.perform.run_has_started(report.run, report.pid)
                case Held():
                    self.perform.run_is_held(report.run, is_frozen=report.is_frozen)
                case Ended():
                    self.perform.run_has_ended(report.run, report.outcome, report.recording, report.traces)
        except (StoreError, Conflict) as fault:  # e.g. a full disk: the monitor keeps its outcome, and we keep the report
            log("a report about a run could not be recorded; jitd tries again", run=report.run, fault=fault)
            self._unrecorded[report.run] = [report]
            asyncio.get_running_loop().call_later(AGAIN_AFTER, self._report_again, report.run)

    def _report_again(self, run: str) -> None:
        for report in self._unrecorded.pop(run):
            asyncio.get_running_loop().call_soon(self.report, report)  # one that fails again makes the next ones wait again

    async def serve(self, config: Config) -> None:
        """Serve until a signal stops the daemon."""
        from jitd.server.listener import Listener, bind

        loop = self._loop = asyncio.get_running_loop()
        passed = systemd.passed_socket(config.socket)
        stop: asyncio.Future[str] = loop.create_future()
        for how in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(how, _stop, stop, how.name)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        await self._executor.open()
        self._lifecycle.note("daemon.started", ROOT, 0, {"rules": len(self._rules.policy.rules)})
        if self._rules.refused is not None:
            self._policy_refused(self._rules.refused.faults, self._accounts.root_alone())
        self._signing.sign()  # also what an earlier daemon has left; the key is there before anybody asks for it
        self._readers.begin()
        await self._recovery.recover()
        self.notices.look_at_all()
        always = (
            self._signing.keep(),
            self.perform.deadlines.keep(),
            self._count(),
            self._keep_subordinates(),
            self._own_key.keep(),
            self.perform.seat_watch.keep(),
            systemd.keep_awake(),
            self.services.recordings.tidy(),
            self._keep_trying("a grant in the KDC", self._tickets.keep),
            self._keep_trying("a trial of the KDC's gate", self._trials.keep),
            self._keep_trying("what is held, compared with the host,", self._drift.keep),
            self._keep_trying("what is kept no longer", self._forgetting.keep),
            self.notices.keep(),
            self._standing(),
            RELEASER.keep(lambda fault: log("what clients have sent cannot be closed yet; jitd tries again", fault=fault)),
        )
        reading = loop.create_task(self._readers.keep())
        keeping = [loop.create_task(each) for each in always]
        n_most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVE - 2 * many()
        gc.freeze()  # all that was made until now stays as long as the daemon: no later look for cycles passes over it
        listener = self._listener = Listener(
            passed or bind(config.socket), self.services, config.limits.connections_per_uid, n_most
        )
        self.metrics.more.append(lambda: [gauge("jitd_connections", "Open connections of clients.", listener.n_open)])
        log("serving", socket=config.socket, host=config.host)
        for sentence in self._unreachable():
            log(sentence)
        systemd.tell("READY=1", f"STATUS={self._rules.sentence}")
        ended_by = await stop
        systemd.tell("STOPPING=1")
        listener.close()
        await self.notices.finish()
        for task in keeping:
            task.cancel()
        self._lifecycle.note("daemon.stopped", ROOT, 0, {"signal": ended_by})
        self._signing.sign()
        await self._readers.finish()
        reading.cancel()
        await self._executor.close()
        self._outsiders.close()
        self._givers_line.close()
        self._store.close()

    def _troubles(self) -> Iterator[Family]:
        """Yield the version, and how much of what `jitd status` says is not well."""
        yield Family("jitd_build", "info", "The version of jitd.", (("_info", (__version__,), 1),), ("version",))
        yield gauge("jitd_silent_mounts", "Mounts that do not answer.", len(MOUNTS.silent))
        yield gauge("jitd_things_in_trouble", "Given things that differ or cannot be taken back.", len(self._drift.troubles()))
        is_keyless = int(self._own_key.missing is not None)
        yield gauge("jitd_keyless", "Whether jitd has no key with which people could authenticate.", is_keyless)
        yield from self.notices.gauges()
        yield from self._readers.gauges()

    def _lines(self) -> Iterator[Line]:
        now, rules, signing = time.time(), self._rules, self._signing
        refused = None if rules.refused is None else (now - rules.refused.at, rules.refused.faults)
        unsigned, remade, keyless = (
            (now - one[0], one[1]) if one else None for one in (signing.failing, signing.remade, self._own_key.missing)
        )
        n_of, lasts = counted(), last()
        yield status.daemon(__version__, self.services.host, os.getpid(), now - self._meters.started_at)
        yield status.own_key(keyless)
        yield status.policy(len(rules.policy.rules), rules.policy.digest, now - rules.read_at, rules.policy.broken, refused)
        yield from status.lives(self._store.live_counts(), self._drift.troubles())
        yield status.record(self._store.head().number, signing.fingerprint, unsigned, remade, len(self._unrecorded))
        yield from self._readers.lines(now)
        yield from self.notices.lines(now)
        yield from status.threads([astuple(lane.load) for lane in self._workers.lanes], MOUNTS.silent)
        yield status.failures({str(what): (n, lasts.get(what, 0.0)) for what, n in n_of.items()})

    def _hang_up(self) -> None:
        self.perform.later(self._reload_for_root())

    async def _reload_for_root(self) -> None:
        with contextlib.suppress(Refusal):  # the refusal is already in the record
            await self.reload_for(self._accounts.root_alone())

    async def _keep_subordinates(self) -> None:
        from jitd.workers import HOUSE

        while True:
            with contextlib.suppress(TimeoutError):  # the data of the last read stays valid
                await self._workers.names.run(HOUSE, self.services.subordinates.read)
            await asyncio.sleep(COUNTED_EVERY)

    async def _keep_trying(self, what: str, keep: Callable[[], Awaitable[None]]) -> None:
        """Run ``keep``, which makes checks at intervals. ``Trials.keep`` checks that KDCs refuse tickets without a grant,
        ``Drift.keep`` checks that things exist, and ``ServiceTickets.keep`` renews grants. If a result cannot be recorded, or the
        store cannot be read, wait AGAIN_AFTER seconds and run ``keep`` again.
        """
        while True:
            try:
                await keep()
            except (StoreError, Conflict) as fault:
                log(f"{what} could not be recorded; jitd tries again", fault=fault)
                await asyncio.sleep(AGAIN_AFTER)

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNTED_EVERY)
            if n_strangers := self.services.complaints.n_strangers():
                log("clients broke the protocol", times=n_strangers)
            if n_unlogged := self.services.complaints.n_unlogged():
                log("more faults of clients", times=n_unlogged)


def _stop(ended_by: asyncio.Future[str], signal: str) -> None:
    if not ended_by.done():  # the first signal counts
        ended_by.set_result(signal)


def serve(file: Path | None) -> int:
    """Run ``jitd serve``, and return its exit status. ``file`` contains the settings; None means the default file."""
    os.umask(0o077)
    sys.setswitchinterval(SWITCHED_WITHIN)
    if os.geteuid() != 0:
        print("jitd: the daemon has to be started as root", file=sys.stderr)
        return 1
    try:
        config = settings.load(file)
    except ConfigError as error:
        for fault in error.faults:
            print(f"jitd: {fault}", file=sys.stderr)
        place = error.faults[0].place
        systemd.turn_away(f"jitd cannot start: its settings are broken at {place}; root mends them, then: systemctl restart jitd")
        return os.EX_CONFIG
    rules = PolicyInForce(config)
    use_journal()
    _clean_environment(config)
    try:
        claim(config)
        executor = _executor(config, lambda report: daemon.report(report))
        executor.spawn_launcher()  # before the keytab or the database is opened, so that monitors inherit nothing of them
        daemon = Daemon(config, rules, executor, file)
        asyncio.run(_serve(daemon, config))
    except (OSError, StoreError, ExecutorError) as fault:
        print(f"jitd: {fault}", file=sys.stderr)
    return 1


async def _serve(daemon: Daemon, config: Config) -> NoReturn:
    """Serve, and then end this process while all connections are open. The interpreter would close them one by one, and wait for
    what clients have sent (``releasing``). It would also wait for threads that are blocked by a silent KDC or NSS server.
    """
    status = 1
    try:
        await daemon.serve(config)
        status = 0
    except (OSError, StoreError, ExecutorError) as fault:
        print(f"jitd: {fault}", file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(status)


def _executor(config: Config, report: Callable[[Report], None]) -> Executor:
    """Return the executor that the settings name. By default, use systemd's executor if systemd is process 1 (sd_booted(3))."""
    if config.executor == "unit" or (config.executor == "auto" and BOOTED.is_dir()):
        from jitd.executor.unit import Unit

        return Unit(config.socket.parent, config.state, report)
    return Direct(config.socket.parent, config.state, report)


def _clean_environment(config: Config) -> None:
    """Remove all inherited variables except SUPERVISED. Otherwise libraries such as libkrb5 would read them (THREATS K-10)."""
    kept = {name: os.environ[name] for name in SUPERVISED if name in os.environ}
    os.environ.clear()
    os.environ.update(kept)
    replays = f"file2:{config.state}/replay"
    os.environ.update(PATH=config.search_path, LANG="C.UTF-8", KRB5RCACHENAME=replays, KRB5CCNAME="MEMORY:jitd")
