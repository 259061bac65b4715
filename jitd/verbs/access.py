# SPDX-License-Identifier: Apache-2.0
"""Defines which people may see a request, which may review it, and which may end it.

Law: if a person may not see an object, jitd answers as if the object did not exist. Operators and auditors see every request. A
rule's ``visible_to`` may hide the contents of a request from operators and auditors (core/visibility.py). Being an operator or an
auditor gives no right to review. An auditor may not change anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from jitd.core import approvers, owed_review
from jitd.core.command import read_id
from jitd.core.law import Actor, Role
from jitd.core.lock import Lock
from jitd.core.request import Request, Verdict, open_ways
from jitd.core.subject import Subject, matches_any
from jitd.core.used_accounts import why_own
from jitd.core.visibility import shows_contents
from jitd.settings.config import Config
from jitd.store import Store, permits_nothing
from jitd.store.used_accounts import UsedAccounts
from jitd.verbs.refusal import Refusal
from jitpam.wire.shown import shown

ROOT_REVIEWS_NOTHING = "root may not review; do it from your own account, with a Kerberos ticket"
"""The answer to root, who may not review. A person who works in root's account with their own Kerberos ticket gets the same
answer.
"""


NOT_YOURS = "without a Kerberos ticket you may end only your own requests, grants and runs: run kinit when a KDC can be reached"
AUDITORS_LOOK = "you may look at this, but not end it: you are an auditor"


class Access:
    """Decides who may do what. The decision uses the operators and auditors in jitd.toml, and the approvals that each request
    needs. ``people`` is ``[people]`` in jitd.toml.
    """

    def __init__(self, config: Config, store: Store, people: Mapping[str, frozenset[str]] = MappingProxyType({})) -> None:
        self._config = config
        self._store = store
        self._uses = UsedAccounts(store, people)

    def is_operator(self, who: Subject) -> bool:
        """True for local root. Also true if ``who`` is an operator in jitd.toml, has a ticket, and uses their own account."""
        return who.is_root or (matches_any(who, self._config.operators) and not who.is_by_pam and not who.is_made)

    def is_overseer(self, who: Subject) -> bool:
        """True for operators, and for the auditors of jitd.toml."""
        is_auditor = matches_any(who, self._config.auditors) and not who.is_by_pam and not who.is_made
        return self.is_operator(who) or is_auditor

    def may_review(self, who: Subject, found: Request) -> bool:
        """True if the rule of ``found`` accepts a review from ``who``."""
        return bool(approvers.may_review(open_ways(found), who, found.requester))

    def why_own(self, who: Subject, found: Request) -> str:
        """If one person may act as ``who`` and as the requester of ``found``, return a sentence that says why. Otherwise return
        an empty text.
        """
        return shown(why_own(who, found.requester, found.id, self._uses))

    def locks(self) -> Iterable[Lock]:
        """Return the active locks, on the people of today."""
        return self._uses.locks()

    def uncounted(self, found: Request, today: Iterable[Subject]) -> dict[str, str]:
        """Map the principals of those who approved ``found``, and whose approval does not count now, to the reason, in words
        that the requester may read. ``today`` contains the approvers who are still there, with their present data. Locks are
        left out: ``core.lock.counted`` knows them.
        """
        now = {one.principal: one for one in today}
        reasons: dict[str, str] = {}
        for review in found.reviews:
            if review.verdict is not Verdict.APPROVE:
                continue
            who = now.get(review.by.principal)
            if who is None:
                because = "this account is gone, disabled or expired"
            elif not self.may_review(who, found):
                because = "the rule does not name this person any more"
            elif self.why_own(who, found):
                because = "the requester may act as this account, in a run or by a login"
            else:
                continue
            reasons[review.by.principal] = because
        return reasons

    def why_no_review(self, who: Subject, found: Request) -> str:
        """Return the reason why ``who`` may not review ``found``, as the end of a sentence. If ``who`` may review ``found``,
        return an empty string.
        """
        if self.may_review(who, found):
            return ""
        if who.uid == 0:
            return ROOT_REVIEWS_NOTHING
        if who.is_made:
            return "an account made by jitd may not review: use your own account"
        if who.is_local:
            return "you cannot review without a Kerberos ticket: run kinit"
        if who.is_by_pam and (found.obligations is None or found.obligations.without_kdc != "local"):
            return "its rule accepts no approval that is proved by local PAM: run kinit when a KDC can be reached"
        approvals = () if found.obligations is None else found.obligations.approvals
        if because := approvers.why_not(approvals, open_ways(found), who):
            return shown(because)
        return "its rule names neither you nor a group that you are in"

    def why_no_approval(self, who: Subject, found: Request) -> str:
        """Call this function only if ``who`` may review ``found``. Return the reason why ``who`` may still not approve ``found``.
        The reason is the end of a sentence that tells what their authentication lacks. Return an empty string if ``who`` may
        approve ``found``.
        """
        lacks = approvers.lack(open_ways(found), who, found.requester)
        return f"its rule {lacks}" if lacks else ""

    def was_skipped(self, who: Subject, found: Request) -> bool:
        """True if ``found`` broke glass and so skipped an approval that ``who`` could have given."""
        glass = None if found.obligations is None else found.obligations.break_glass
        return glass is not None and owed_review.was_skipped(glass, who, found.requester)

    def may_see(self, who: Subject, found: Request) -> bool:
        """True if ``who`` is the requester of ``found``, an operator or an auditor. Also true if ``who`` may review ``found``
        before or after its runs.
        """
        return self.may_end(who, found) or self._may_review_sometime(who, found) or self.is_overseer(who)

    def may_end(self, who: Subject, found: Request) -> bool:
        """True if ``who`` may end the grant and the runs of ``found``. The requester, people who may review the request, and
        operators may do this. A person who authenticated by local PAM may end only their own grants and runs. There is one
        exception. If a rule requires a watcher for the runs of ``found``, all people who may review ``found`` may end its grant
        and runs. This is also true for people who authenticated by local PAM, because a watcher must be able to stop a run.
        """
        is_watched = found.obligations is not None and found.obligations.terms.observed
        may_review = (not who.is_by_pam or is_watched) and self._may_review_sometime(who, found)
        return who.is_requester(found.requester) or may_review or self.is_operator(who)

    def _may_review_sometime(self, who: Subject, found: Request) -> bool:
        return self.may_review(who, found) or self.was_skipped(who, found)

    def refuse_end(self, who: Subject, found: Request) -> None:
        """Raise Refusal if ``who``, who may see ``found``, may not end the grant and the runs of ``found``."""
        if not self.may_end(who, found):
            raise Refusal("forbidden", NOT_YOURS if who.is_by_pam else AUDITORS_LOOK)

    def is_shown_contents(self, who: Subject, found: Request, store: Store) -> bool:
        """Call this function only if ``who`` may see ``found``. Return True if ``who`` may also see the reason, the arguments and
        the recordings of ``found``. People who may review a request always see these contents, because a reviewer must be able to
        read the request. ``store`` must be a store that the caller's thread may read.
        """
        may_review = self.may_review(who, found) or self.was_skipped(who, found)
        return shows_contents(found, who, may_review=may_review) or self._reviews_late(who, found, store)

    def _reviews_late(self, who: Subject, found: Request, store: Store) -> bool:
        """True if ``who`` may review ``found`` as an operator. Operators may do this if ``found`` broke glass and its review is
        overdue.
        """
        if not self.is_operator(who):
            return False
        owed = store.owed_review(found.lease or found.id)
        return owed is not None and owed.is_open and Role.OPERATOR in owed_review.roles_of(owed, who)

    def visible(self, who: Subject, typed: str) -> Request:
        """Return the request with the id ``typed``. Raises Refusal if there is no such request or ``who`` may not see it."""
        id = read_id(typed)
        found = self._store.request(id.partition(".")[0]) if id is not None else None
        if found is not None and self.may_see(who, found):
            return found
        if found is not None and who.person == found.requester.person and not who.is_local:
            # Give no details here. An attacker who controls one account of a person must not learn what the person's other
            # account sees.
            its = "see it and end it with that account; somebody else has to review it"
            raise Refusal("forbidden", f"request {found.id} is your own, from another of your accounts: {its}")
        if found is not None and self.may_see(*_alone(who, found)):
            raise Refusal("forbidden", self.why_own(who, found))
        raise Refusal("unknown", f"there is no request {shown(typed)}, as far as you may see")

    def read_again(self, id: str) -> Request:
        """Return the request ``id``, which was there a moment ago. Raises Refusal if it is damaged in the database by now."""
        found = self._store.request(id)
        if found is None:
            raise Refusal("failed", f"{permits_nothing('request', id)}: its requester has to ask again")
        return found

    def role_of(self, who: Subject, found: Request) -> Actor:
        """``who`` ends the grant or a run of ``found``. Return ``who`` as an Actor, with the role in which they act. Call this
        function only if ``who`` may see ``found``.
        """
        if who.is_requester(found.requester):
            return Actor(Role.REQUESTER, who.principal, who.uid)
        role = Role.APPROVER if self.may_review(who, found) or self.was_skipped(who, found) else Role.OPERATOR
        return Actor(role, who.principal, who.uid)

    def overseers_only(self, who: Subject, deed: str) -> None:
        """Raise Refusal unless ``who`` is an operator or an auditor."""
        if not self.is_overseer(who):
            raise Refusal("forbidden", f"only operators, auditors and root may {deed}")

    def operators_only(self, who: Subject, deed: str) -> None:
        """Raise Refusal unless ``who`` is an operator."""
        if not self.is_operator(who):
            raise Refusal("forbidden", f"only operators and root may {deed}")


def _alone(who: Subject, found: Request) -> tuple[Subject, Request]:
    """Return ``who`` and ``found`` as if nobody else used their accounts."""
    return replace(who, used_by=()), replace(found, requester=replace(found.requester, used_by=()))
