# SPDX-License-Identifier: Apache-2.0
"""Asks the KDC whether a principal is still valid. The daemon uses S4U2Self ([MS-SFU] section 3.1.5.1.1), with its own key.

Law: a principal is treated as refused only after a clear refusal. If the KDC is silent, unreachable, or gives no clear answer,
and if the daemon cannot ask, the person's ticket is still accepted. A proof by local PAM is accepted only while no KDC can be
reached. An answer is kept for a few seconds, and is the same for a requester and an approver.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from functools import partial
from pathlib import Path

import gssapi

from jitd.core.authentication import KdcAnswer
from jitd.core.subject import BY_PAM
from jitd.deciding.kdc_threads import KdcThreads
from jitd.deciding.s4u2self import AWAY, KDC_UNREACH, MAY_NOT, OTHER_KEY, REFUSALS, NoCredentials, about_itself, acquire, question
from jitd.files.digests import identity_at

PATIENCE = 2.0  # seconds for the KDC's answer, about one principal or about several
KEPT_FOR = 5.0
"""Number of seconds that an answer about a person is kept, so that a script asks once, and not every use waits for a silent KDC.
It is short, because a person who is disabled meanwhile goes on for so long.
"""
REMEMBERED_FOR = 60.0  # seconds of a refusal, for the list of who could approve. Decisions need KEPT_FOR
MAY_NOT_FOR = 60.0  # seconds for which this host does not ask, if it may not, or until a new keytab or `jitd reload`
LOOKED_AT_EVERY = 30.0  # seconds until a person is asked about again who perhaps could approve
LOOKED_AT_ONCE = 4  # the number of such questions in one second. Nobody waits for them.
REPLACED_EVERY = 60.0  # seconds between two caches for jitd's own ticket: libkrb5 never frees one in memory
KEY_ASKED_EVERY = 60.0  # seconds between questions whether the KDC has our key, unless the keytab is new
SILENT_FOR = 600.0  # seconds after which a silent KDC is told of no more: nobody has asked it since
CLEAR = frozenset({KdcAnswer.VALID, KdcAnswer.REFUSED})  # say something of the principal. All others are missing answers
OWN_THREADS, OF_A_PRINCIPAL = 8, 2  # questions in flight about principals of jitd's own realm, and about one of them
FOREIGN_THREADS, OF_A_REALM = 16, 2  # questions in flight about those of other realms, and about those of one such realm


class Kdc:
    """Queries the KDC as ``service`` or an account of ``keytab``. ``failed`` is called for each missing answer."""

    def __init__(
        self, keytab: Path, service: str, is_unreachable: Callable[[], bool], failed: Callable[[], None] = lambda: None
    ) -> None:
        self._failed = failed
        self._is_unreachable = is_unreachable
        self._keytab = keytab
        self._service = service
        self._acquiring = threading.Lock()
        self._client = ""
        self._n_rejected = 0
        self._rejected_at = float("-inf")
        self._realm = service.rpartition("@")[2]
        self._about_own = KdcThreads("jitd-kdc", OWN_THREADS, OF_A_PRINCIPAL)
        self._about_foreign = KdcThreads("jitd-kdc-foreign", FOREIGN_THREADS, OF_A_REALM)
        self._reaching = ThreadPoolExecutor(1, "jitd-kdc-reach")
        self._kept: dict[str, tuple[float, KdcAnswer]] = {}
        self._key_asked: tuple[float, object] = time.monotonic(), identity_at(keytab)  # when, and with which keytab
        self._other_key = ""
        self._silent: dict[str, float] = {}  # by realm: when its KDC has not answered last, if it has said nothing since
        self._may_not: tuple[float, object] | None = None  # when the KDC said that this host may not ask, and with which keytab

    def answer(self, principal: str) -> KdcAnswer:
        """Return what the KDC says about ``principal``. If the KDC gives no clear answer within PATIENCE seconds, this is
        NO_ANSWER. It is NO_ANSWER at once if earlier questions have taken all threads of the principal's realm for longer.
        """
        # a proof by local PAM is accepted only while no KDC can be reached
        if principal.startswith(BY_PAM):
            return KdcAnswer.NO_ANSWER if self._is_unreachable() else KdcAnswer.REFUSED
        answer = self._put(principal)
        try:
            return self._counted(principal, answer.result(PATIENCE))
        except TooLate:
            answer.cancel()
            return self._counted(principal, KdcAnswer.NO_ANSWER)

    async def refused(self, principals: Sequence[str]) -> frozenset[str]:
        """Return the members of ``principals`` that the KDC has refused within the last KEPT_FOR seconds. The queries about all
        principals run in parallel. If the KDC does not answer in time about a principal, this principal is not in the result.

        A person who authenticated by local PAM is in the result as soon as a KDC can be reached. If ``principals`` contains such
        a person, the function waits until it knows whether a KDC can be reached.
        """
        now = time.monotonic()
        known = {principal for principal in principals if not principal.startswith(BY_PAM)}
        kept = {principal: self._kept[principal] for principal in known & self._kept.keys()}
        answers = {principal: answer for principal, (at, answer) in kept.items() if now < at + KEPT_FOR}
        for principal, said in (await self._ask_all(sorted(known - answers.keys()))).items():
            answers[principal] = self._keep(principal, now, self._counted(principal, said))
        by_pam = frozenset(principals) - known
        over = by_pam if by_pam and not await self._is_outage() else frozenset[str]()
        return over | {principal for principal, answer in answers.items() if answer is KdcAnswer.REFUSED}

    def refused_lately(self) -> list[str]:
        """Return the principals that the KDC has refused within REMEMBERED_FOR seconds, with nothing said since."""
        now = time.monotonic()
        return [one for one, (at, kept) in self._kept.items() if kept is KdcAnswer.REFUSED and now < at + REMEMBERED_FOR]

    async def look_at(self, principals: Sequence[str]) -> None:
        """Ask about those of ``principals`` who were refused, and about those of whom nothing was heard for LOOKED_AT_EVERY
        seconds, so that ``refused_lately`` is new. At most LOOKED_AT_ONCE are asked about, those first whose answer is oldest.
        """
        now = time.monotonic()
        never = (float("-inf"), KdcAnswer.NOT_ASKED)
        kept = {one: self._kept.get(one, never) for one in principals if not one.startswith(BY_PAM)}
        due = [one for one, (at, said) in kept.items() if said is KdcAnswer.REFUSED or now >= at + LOOKED_AT_EVERY]
        due.sort(key=lambda one: (kept[one][1] is not KdcAnswer.REFUSED, kept[one][0]))
        for principal, said in (await self._ask_all(due[:LOOKED_AT_ONCE])).items():
            self._keep(principal, now, said, ago=KEPT_FOR)  # too old for decisions: none rests on what a list has asked

    def forget(self) -> None:
        """Forget that this host may not ask, because something was set up anew."""
        self._may_not = None

    async def _ask_all(self, principals: Sequence[str]) -> dict[str, KdcAnswer]:
        """Ask about ``principals`` at the same time, and wait for at most PATIENCE seconds."""
        if not principals:
            return {}
        self._tidy(time.monotonic())
        asking = {asyncio.wrap_future(self._put(principal)): principal for principal in principals}
        answered, silent = await asyncio.wait(asking, timeout=PATIENCE)
        for one in silent:
            one.cancel()
        return {principal: one.result() if one in answered else KdcAnswer.NO_ANSWER for one, principal in asking.items()}

    def _tidy(self, now: float) -> None:
        self._kept = {principal: kept for principal, kept in self._kept.items() if now < kept[0] + REMEMBERED_FOR}

    def _counted(self, principal: str, answer: KdcAnswer) -> KdcAnswer:
        realm = principal.rpartition("@")[2]
        if answer not in CLEAR:
            self._failed()
        if answer is KdcAnswer.NO_ANSWER:
            self._silent[realm] = time.monotonic()
        else:
            self._silent.pop(realm, None)
        return answer

    def why_silent(self) -> str:
        """Return what it means that a KDC has not answered lately, or an empty text."""
        since = time.monotonic() - SILENT_FOR
        realms = sorted(realm for realm, at in self._silent.copy().items() if at > since)
        return (
            f"people who were disabled may still use their tickets: no answer from the KDC of {', '.join(realms)}"
            if realms
            else ""
        )

    def why_other_key(self) -> str:
        """Ask the KDC, once a minute, for a ticket with the key of this host. Return what it means if the KDC has another key, or
        an empty text. Blocks for at most PATIENCE seconds. If the KDC does not answer, its last word counts. A ticket that
        no key of this host decrypts says nothing of it: anybody can make one up.
        """
        asked_at, of = self._key_asked
        keytab = identity_at(self._keytab)
        if keytab != of or time.monotonic() >= asked_at + KEY_ASKED_EVERY:
            self._key_asked = time.monotonic(), keytab
            answer = self._about_own.ask(self._service, self._ask_with_key, PATIENCE)
            try:
                said = answer.result(PATIENCE)
            except TooLate:
                answer.cancel()
                said = KdcAnswer.NO_ANSWER
            if said in CLEAR:
                told = f"the KDC's key of {self._service} is not in {self._keytab}"
                is_other = said is KdcAnswer.REFUSED
                self._other_key = f"nobody with a new ticket can authenticate: {told}" if is_other else ""
        return self._other_key

    def _ask_with_key(self) -> KdcAnswer:
        try:
            with tempfile.TemporaryDirectory(prefix="jitd-key-") as place:  # of a cache in memory, libkrb5 would keep each
                acquire(self._keytab, self._service, f"FILE:{place}/cache", self._client)
        except NoCredentials as fault:
            return KdcAnswer.REFUSED if fault.code in OTHER_KEY else KdcAnswer.NO_ANSWER
        except OSError:
            return KdcAnswer.NO_ANSWER
        return KdcAnswer.VALID

    def _keep(self, principal: str, asked_at: float, answer: KdcAnswer, ago: float = 0.0) -> KdcAnswer:
        """Keep ``answer``, as if it were ``ago`` seconds older, unless a question that ran at the same time has found out more: a
        missing answer replaces no clear one, and a clear answer replaces none to a later question. Return the answer that is kept
        now.
        """
        is_clear = answer in CLEAR
        at, kept = self._kept.get(principal, (asked_at, KdcAnswer.NO_ANSWER))
        if kept in CLEAR and asked_at < at + KEPT_FOR and (not is_clear or at > asked_at):
            return kept
        self._kept[principal] = ((asked_at if is_clear else time.monotonic()) - ago, answer)
        return answer

    async def _is_outage(self) -> bool:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reaching, self._is_unreachable)
        except RuntimeError:  # the daemon is stopping
            return False

    def _put(self, principal: str) -> Future[KdcAnswer]:
        """Ask about ``principal`` in a thread. A realm whose KDC is silent takes no thread from another realm."""
        realm = principal.rpartition("@")[2]
        is_own = realm == self._realm
        threads, party = (self._about_own, principal) if is_own else (self._about_foreign, realm)
        return threads.ask(party, partial(self._ask, principal), PATIENCE)

    def _ask(self, principal: str) -> KdcAnswer:
        keytab = identity_at(self._keytab)
        if self._may_not is not None and time.monotonic() < self._may_not[0] + MAY_NOT_FOR and self._may_not[1] == keytab:
            return KdcAnswer.NOT_ASKED
        try:
            cache, client, own = self._own()
        except NoCredentials as fault:
            return KdcAnswer.NO_ANSWER if fault.code in AWAY else self._not_asked(fault.code, keytab)
        code = question(own, principal)
        if code == 0:
            return KdcAnswer.VALID
        if code in AWAY:
            return KdcAnswer.NO_ANSWER
        code_about_itself = about_itself(own, client)
        if code_about_itself == 0:
            return KdcAnswer.REFUSED if code in REFUSALS else KdcAnswer.NO_ANSWER
        return self._ask(principal) if self._reject(cache) else self._not_asked(code_about_itself, keytab)

    def _not_asked(self, code: int, keytab: object) -> KdcAnswer:
        """Remember that this host may not ask, if ``code`` says so: else it would ask in vain every few seconds."""
        if code in OTHER_KEY:
            self._is_doubted = True
        if code in MAY_NOT:
            self._may_not = time.monotonic(), keytab
        return KdcAnswer.NOT_ASKED

    def _own(self) -> tuple[int, str, gssapi.Credentials]:
        """Return the number of a cache, the principal whose ticket is in the cache, and its credentials. Raises NoCredentials."""
        if not self._acquiring.acquire(timeout=PATIENCE):
            raise NoCredentials(KDC_UNREACH, "another question waits for the KDC")
        try:
            cache = self._n_rejected
            self._client, own = acquire(self._keytab, self._service, f"MEMORY:jitd-{cache}", self._client)
            return cache, self._client, own
        finally:
            self._acquiring.release()

    def _reject(self, cache: int) -> bool:
        """Use the ticket in ``cache`` no more: it may be why the KDC refuses a question about its owner, as after the realm got a
        new key. Return True if another one can be used now.
        """
        with self._acquiring:
            now = time.monotonic()
            if cache == self._n_rejected and now - self._rejected_at >= REPLACED_EVERY:
                self._n_rejected, self._rejected_at = cache + 1, now
            return cache != self._n_rejected

    def close(self) -> None:
        """Send no more queries. Do not wait for the queries that have not been answered yet."""
        self._about_own.close()
        self._about_foreign.close()
        self._reaching.shutdown(wait=False, cancel_futures=True)
