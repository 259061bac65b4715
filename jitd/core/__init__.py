# SPDX-License-Identifier: Apache-2.0
"""The decision, the binding, the six lives and the chain. Law: the core is pure. Time, ids and randomness are arguments.

How the lives drive each other
==============================

A request asks, a grant permits, a run happens, a holding is a thing that somebody was given, a lock takes away, and a review is
owed by somebody who broke glass. Each life is a module with two tables: LAW says what can happen in which state, MAY_CAUSE who
may cause it. A transition takes an object, an event and the moment. It returns the object as it is afterwards, and what follows:
events for other lives, and effects. Effects are orders to the code outside the core.

An event has an author and an effect has none: ``lifecycle.handle`` tells them apart by that. ``handle`` also lets the events
happen that follow, until none is left. It commits every object and every record in one transaction. Only then are the effects
carried out. So nobody finds an approved request without its grant, or a revoked grant with a run that was not told to stop.

A rule may name gatekeepers: systems outside that are asked before anything is permitted. A request under such a rule is stored
first, in the state screening and with ``asking_at``. The effect ``Screen`` asks them and policy; the answers come back as
``request.screened``. After the last approval they are asked anew: the review is stored, the request stays pending, with
``asking_at`` and with nothing owed, and ``request.screened`` decides. It may also find that approvals are owed again.

A rule may open a way to approve some time after submission, and narrow approvers by a list that a provider says. Both are events
of the request: ``request.ways_opened`` at its time, and ``request.relisted`` if a list has changed. If the approvals that were
given are enough then, policy is asked again, as after the last approval.

What causes what, in that one transaction:

    request.screened  -> grant.issued, grant.used        rule and gatekeepers permit, and no approval is owed
    request.reviewed  -> grant.issued, grant.used        the last approval that was owed, and no gatekeeper to ask
    request.screened  -> owed_review.begun               the rule breaks glass
    request.reviewed  -> owed_review.begun               the same, if a gatekeeper has asked for approvals
    grant.used        -> run.starting                    jitsudo, and logins
    grant.used        -> holding.giving                  jitsudo --get
    grant.expired     -> run.stop_ordered                for each live run under the grant
    grant.revoked     -> run.stop_ordered                the same
    grant.expired     -> holding.taking                  for each holding under the grant
    grant.revoked     -> holding.taking                  the same
    run.ended         -> grant.returned                  a run that never started returns its use
    holding.ended     -> grant.returned                  so does a thing that was not given
    lock.placed       -> request.locked, grant.revoked   requests and grants of the locked people

No other event causes an event. Some of these do not always follow. No grant is issued if a lease answers. No use is taken if
no client waits to hand over its streams. A use by sudo, su or doas begins no run, since they run their command themselves. A
grant that expires may let its login session go on. The longest chain follows the last approval of a request whose client waits:
reviewed, issued, used, starting. That is four records and one commit. A lock also revokes grants that rest on the approval of
a locked person.

Each event that follows has its own author. The daemon issues the grant. The requester takes the use and begins the run, even
if an approver's yes came last. The author who ended the grant (a person or the clock) orders its runs to stop. When a run
has ended, its monitor tells the grant; the daemon does so if there was no monitor. The operator who placed a lock ends what it
ends.

The effects, which are carried out after the commit:

    SetDeadline  <- request.submitted, request.screened, grant.issued, lock.placed, lock.carried
    SetDeadline  <- request.reviewed, request.ways_opened  a way is closed, or a list narrows the approvers
    SetDeadline  <- owed_review.begun, owed_review.carried
    Screen       <- request.submitted, request.reviewed  gatekeepers are to be asked
    Screen       <- request.ways_opened, request.relisted  what was approved is enough now
    ForgetAnswers <- lock.placed                         what gatekeepers have answered is not used again
    Admit        <- grant.used                           sudo, su and doas may go on
    StartRun     <- run.starting
    StopRun      <- run.stop_ordered
    ForgetRun    <- run.ended                            its monitor may exit
    Give         <- holding.giving
    Take         <- holding.taking
    ReviewOwed   <- owed_review.begun                    those who were skipped are to be told
    ReviewOverdue <- owed_review.overdue                 so are those who may lift it
    ReviewGiven  <- owed_review.reviewed                 those who were told are told so

Clients that wait or watch are told, too. An effect that fails becomes an event: if a run cannot be started, ``run.ended`` says
so, and the use is returned.

After a crash
-------------

Effects are not stored. They follow from state, so ``lifecycle.recovery`` derives them again from what
is open. Each effect may come twice.

    request  screening: the request is decided again, and its gatekeepers are asked again. pending: its deadline is set, and that
             of its next way. If its
             gatekeepers were being asked, they are asked again. If a client waited and does not come back, the request is
             withdrawn. If it got a grant that nobody has used, the grant is revoked.
    grant    its deadline is set.
    run      its monitor is looked for. A live monitor connects and is told what it has missed. A dead monitor's files say how
             the run ended. A run is never started a second time: a run that has not begun ends as not started.
    holding  giving: the thing is given again. taking: taking it back is tried until it is done. held: the client that had it
             may come back. If it does not, the thing is taken back, unless it was kept.
    lock     its deadline is set.
    review   owed: its deadline is set.

A reboot ends what was open: requests and grants expire, runs are lost, and things are taken back. Locks and owed reviews stay.
"""
