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
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from jitd import systemd
from jitd.claiming import claim
from jitd.core.party import HOUSE
from jitd.core.subject import ROOT
from jitd.core.toml_document import ConfigError
from jitd.deciding import origins
from jitd.executor import Ended, Executor, ExecutorError, Held, Here, Ready, Report, Started, Trouble
from jitd.executor.direct import Direct
from jitd.failures import Failure, count
from jitd.log import log, use_journal
from jitd.releasing import RELEASER, many
from jitd.reloading import PolicyInForce
from jitd.settings import config as settings
from jitd.settings import host
from jitd.settings.config import Config
from jitd.settings.needs import unreachable
from jitd.store import Conflict, StoreError
from jitd.verbs.refusal import Refusal
from jitpam import __version__

if TYPE_CHECKING:
    from jitd.core.chain import Seal
    from jitd.lifecycle.integrity import Damaged
    from jitd.server.listener import Accepting
    from jitd.store import Store

SUPERVISED = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "WATCHDOG_USEC", "WATCHDOG_PID")
"""The environment variables that the daemon keeps. A service manager uses these variables to communicate with its service."""
BOOTED = Path("/run/systemd/system")  # this directory exists only if systemd is process 1
RESERVE = 256  # the number of file descriptors that are reserved for runs, the database and root
OF_LOOKS = 8  # this part of all file descriptors is reserved for looks at files: a look has up to `glance.MOST_NAMES`
AGAIN_AFTER = 1.0  # seconds before the daemon tries again to record an event
SWITCHED_WITHIN = 0.0005  # seconds until a worker lets the event loop run, which may wait several times for an answer
COUNTED_EVERY = 60.0  # seconds between two log lines about strangers' faults, and between two reads of /etc/subuid


class Daemon:
    """All parts of a running daemon. ``services`` are the parts that a connection needs."""

    def __init__(self, config: Config, rules: PolicyInForce, executor: Executor, file: Path | None = None) -> None:
        # Imported here, because the launcher is forked before, and libkrb5 reads the environment when it is loaded.
        from jitd import extension_points
        from jitd.audit.signing import Signing
        from jitd.deciding.assembly import Deciding
        from jitd.deciding.ground import Ground
        from jitd.deciding.kdc_liveness import Kdc
        from jitd.facts.gathering import Gatherer
        from jitd.kdc.reach import Reach, is_unanswered
        from jitd.lifecycle.drift import Drift
        from jitd.lifecycle.forgetting import Forgetting
        from jitd.lifecycle.givers import Givers
        from jitd.lifecycle.integrity import Noted, examine
        from jitd.lifecycle.let_in import LetIn
        from jitd.lifecycle.lifecycle import Lifecycle
        from jitd.lifecycle.looks import Looks
        from jitd.lifecycle.perform import Perform
        from jitd.lifecycle.readers import Readers
        from jitd.lifecycle.recovery import Recovery
        from jitd.lifecycle.waiters import Waiters
        from jitd.server.acceptor import Acceptor
        from jitd.server.assembly import services
        from jitd.server.depends import depends
        from jitd.server.dispatch import add_answers
        from jitd.store.opening import drop_copies, open_store
        from jitd.verbs.answers import Answers
        from jitd.verbs.assembly import Verbs
        from jitd.verbs.condition import Condition
        from jitd.verbs.reloading import Reloading
        from jitd.verbs.status import Status
        from jitd.workers import Workers

        # the record, and what happens with each commit
        self._loop: asyncio.AbstractEventLoop | None = None  # not before it serves
        self._listeners: tuple[Accepting, ...] = ()
        self._unrecorded: dict[str, list[Report]] = {}  # reports about a run that wait until they can be recorded
        self._config, self._rules, self._executor = config, rules, executor
        store = self._store = open_store(config.state, config.socket.parent / "masks.key", _tell_copy)
        store.found_damaged = self._found_damaged
        self._noted = Noted(config.socket.parent / "head")
        damaged = examine(store, self._noted)
        realm = host.own_realm(config.realms)
        now, workers, waiters = origins.moment, Workers(), Waiters()
        ground = Ground(config, rules, store, self._opened, workers, now, realm, __version__)
        readers = self._readers = Readers()
        lifecycle = self._lifecycle = Lifecycle(
            store, now, ground.policy_digest, self._committed, readers.changed, ground.policy_text, config.people
        )
        signing = self._signing = Signing(store, config.host, config.state, now, lifecycle.note)
        signing.told.append(lambda checkpoint: readers.signed(checkpoint.number))

        # what speaks with the KDC
        reach = Reach(partial(is_unanswered, realm, ground.service))
        kdc = Kdc(config.keytab, ground.service, reach.is_unreachable, partial(count, Failure.KDC))
        acceptor = Acceptor(config.keytab, config.host, realm, frozenset(config.sids.groups))

        # what extensions bring
        is_direct = isinstance(executor, Direct)
        unlistened = list if is_direct else partial(unreachable, config)
        site = extension_points.Site(ground, lifecycle, LetIn(config.socket.parent / "let_in"), file, is_direct)
        advisers = extension_points.Advisers(site)
        doers = extension_points.doers(site, advisers)
        self._advisers, self._doers = advisers.all, doers
        givers = Givers(dict(chain.from_iterable(doer.givers.items() for doer in doers)))
        unreadable = (one.rebuilt for one in damaged if one.rebuilt is not None)
        if held := givers.fault_in((*store.holdings(), *unreadable)):
            raise StoreError(held)
        readings = extension_points.readings(site, advisers)
        for name, reader in chain.from_iterable(reading.readers.items() for reading in readings):
            readers.add(name, reader)
        self._set_aside(damaged)

        # what decides, and what carries out
        gather = Gatherer(opened=self._opened, now=now, trusted=config.trusted_places).gather
        asked = advisers.providers, advisers.gatekeepers
        deciding = Deciding(ground, kdc, givers, gather, *asked, executor.account_code)
        looks = depends(config, acceptor, kdc, deciding.signers, unlistened)
        self._looks = Looks(looks, partial(workers.names.run, HOUSE), time.time)
        perform = self.perform = Perform(
            config=config,
            decider=deciding.decider,
            lifecycle=lifecycle,
            store=store,
            executor=executor,
            givers=givers,
            waiters=waiters,
            workers=workers,
            now=now,
        )
        notices = self.notices = advisers.notifier(deciding.seating, perform)
        perform.notices = notices  # they need each other
        self._drift = Drift(givers, perform.holdings, store, config.drifts, site.note)
        self._forgetting = Forgetting(store, lifecycle, now, config.record.keep, partial(drop_copies, config.state))
        self._recovery = Recovery(perform, lifecycle, store, executor, now)

        # what answers clients
        verbs = Verbs(ground, deciding, lifecycle, perform, waiters, signing, notices, readers, givers)
        readers.add("followers", verbs.records.feed)
        readers.add("roll", verbs.roll)
        is_other = partial(settings.is_other, config, file)
        self._reloading = Reloading(ground, deciding, lifecycle, perform, readers, unlistened, is_other)
        started_at = now().at.timestamp()
        own = Condition(
            ground, started_at, self._looks, self._drift, signing, self._unrecorded, readers, notices, self._n_connections
        )
        answers = Answers()
        add_answers(answers, verbs, self._reloading, Status(verbs.access, own.lines))
        for reading in readings:
            reading.add_answers(answers, verbs.access, deciding.seating, own.families)
        self.services = services(
            ground,
            deciding,
            verbs,
            acceptor=acceptor,
            answers=answers,
            executor=executor,
            is_unreachable=reach.is_unreachable,
            lifecycle=lifecycle,
            let_in=site.let_in,
            notices=notices,
            perform=perform,
            waiters=waiters,
        )
        self._root_alone = deciding.accounts.root_alone

    def _n_connections(self) -> int:
        return sum(one.n_open for one in self._listeners)

    def _opened(self) -> Store:
        """Open the store for reading. Any thread may call this."""
        from jitd.store.opening import file_of, read_store

        store = read_store(file_of(self._config.state))
        store.found_damaged = self._found_damaged
        return store

    def _found_damaged(self, life: str, id: str) -> None:
        """Any thread may call this. What reads goes on without the object, and may not be changed under it."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.perform.set_aside, life, id)

    def _set_aside(self, damaged: Iterable[Damaged]) -> None:
        for one in damaged:
            try:
                self._lifecycle.set_aside(one)
            except Conflict as fault:
                raise StoreError(f"the database is damaged: {fault}; jitd audit verify says more") from fault

    def _committed(self, head: Seal) -> None:
        """What happens with each commit, in this order. A decision waits for it."""
        self._noted.write(head)
        self._signing.follow(head)
        self._readers.look(head)

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
                    self.perform.run_has_ended(report.run, report.outcome, report.recording, report.traces, report.said)
        except (StoreError, Conflict) as fault:  # e.g. a full disk: the monitor keeps its outcome, and we keep the report
            log("a report about a run could not be recorded; jitd tries again", run=report.run, fault=fault)
            self._unrecorded[report.run] = [report]
            asyncio.get_running_loop().call_later(AGAIN_AFTER, self._report_again, report.run)

    def _report_again(self, run: str) -> None:
        for report in self._unrecorded.pop(run):
            asyncio.get_running_loop().call_soon(self.report, report)  # one that fails again makes the next ones wait again

    async def serve(self, config: Config) -> None:
        """Serve until a signal stops the daemon."""
        from jitd.server.door import MOST_AT_DOOR, DoorListener, group_of_carriers
        from jitd.server.listener import Listener, bind

        loop = self._loop = asyncio.get_running_loop()
        passed, door = systemd.passed_sockets(config.socket, config.door_socket)
        carriers = group_of_carriers() if config.door.listen and passed is None else None
        stop: asyncio.Future[str] = loop.create_future()
        for how in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(how, _stop, stop, how.name)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        await self._executor.open()
        self._lifecycle.note("daemon.started", ROOT, 0, {"rules": len(self._rules.policy.rules)})
        if self._rules.refused is not None:
            self._reloading.refused(self._rules.refused.faults, self._root_alone())
        self._signing.sign()  # also what an earlier daemon has left; the key is there before anybody asks for it
        self._readers.begin()
        await self._recovery.recover()
        self.notices.look_at_all()
        always = (
            self._signing.keep(),
            self.perform.deadlines.keep(),
            self._count(),
            self._keep_subordinates(),
            self._looks.keep(),
            self.perform.seat_watch.keep(),
            systemd.keep_awake(),
            self.services.recordings.tidy(),
            *(self._keep_trying(what, keep) for doer in self._doers for what, keep in doer.tasks().items()),
            self._keep_trying("what is held, compared with the host,", self._drift.keep),
            self._keep_trying("what is kept no longer", self._forgetting.keep),
            self.notices.keep(),
            RELEASER.keep(lambda fault: log("what clients have sent cannot be closed yet; jitd tries again", fault=fault)),
        )
        reading = loop.create_task(self._readers.keep())
        keeping = [loop.create_task(each) for each in always]
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        n_most = limit - limit // OF_LOOKS - RESERVE - 2 * many()
        gc.freeze()  # all that was made until now stays as long as the daemon: no later look for cycles passes over it
        per_party = config.limits.connections_per_uid
        if carriers is not None:
            door = bind(config.door_socket, carriers)
        if door is not None:
            n_at_door = min(MOST_AT_DOOR, n_most // 4)
            n_most -= n_at_door
            self._listeners = (DoorListener(door, self.services, per_party, n_at_door),)
            log("serving at the door", socket=config.door_socket, host=config.host)
        elif config.door.listen:
            log("systemd has not passed the socket of the door, so it is closed: jitd-serve(8), SYSTEMD, says how to open it")
        listener = Listener(passed or bind(config.socket), self.services, per_party, n_most)
        self._listeners = (*self._listeners, listener)
        log("serving", socket=config.socket, host=config.host)
        for sentence in self._reloading.unreachable():
            log(sentence)
        systemd.tell("READY=1", f"STATUS={self._rules.sentence}")
        ended_by = await stop
        systemd.tell("STOPPING=1")
        for listening in self._listeners:
            listening.close()
        await self.notices.finish()
        for task in keeping:
            task.cancel()
        self._lifecycle.note("daemon.stopped", ROOT, 0, {"signal": ended_by})
        self._signing.sign()
        await self._readers.finish()
        reading.cancel()
        await asyncio.wait([reading])
        await self._readers.close()
        await self._executor.close()
        for one in (*self._advisers, *self._doers):
            one.close()
        self._store.close()

    def _hang_up(self) -> None:
        self.perform.later(self._reload_for_root())

    async def _reload_for_root(self) -> None:
        with contextlib.suppress(Refusal):  # the refusal is already in the record
            await self._reloading.reload(self._root_alone())

    async def _keep_subordinates(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):  # the data of the last read stays valid
                await self.services.workers.names.run(HOUSE, self.services.subordinates.read)
            await asyncio.sleep(COUNTED_EVERY)

    async def _keep_trying(self, what: str, keep: Callable[[], Awaitable[None]]) -> None:
        """``keep`` makes checks at intervals. If it cannot record a result, or read, it runs again after AGAIN_AFTER seconds."""
        while True:
            try:
                return await keep()
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


def _tell_copy(made: Path) -> None:
    log("the database is copied before its schema changes; an earlier version reads the copy", copy=made, days=30)


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
        why, mended = "jitd cannot start: its settings are broken", "root mends them, then: systemctl restart jitd"
        systemd.turn_away(f"{why} at {error.faults[0].place}; {mended}", at_door=f"{why}; {mended}")
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
