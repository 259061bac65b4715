# SPDX-License-Identifier: Apache-2.0
"""The decision, the binding, the five lives and the chain. Law: pure; time, ids and randomness arrive as arguments.

How the lives drive each other
==============================

A request asks, a grant permits, a run happens, a holding is a thing that somebody was given, and a lock takes away. Each life
is a module with two tables: LAW says what can happen in which state, MAY_CAUSE who may cause it. A transition takes an object,
an event and the moment. It returns the object as it is afterwards, and what follows: events for other lives, and effects, which
are orders to the world outside.

An event has an author, an effect has none; ``lifecycle.handle`` tells them apart by that. It lets the events that follow happen
too, until none is left. It commits every object and every record in one transaction. Only then are the effects carried out. So
nobody ever finds a request approved without its grant, or a grant revoked and a run under it that has not been told to stop.

What causes what, in that one transaction:

    request.screened  -> grant.issued, grant.used        permitted, and no approval is owed
    request.reviewed  -> grant.issued, grant.used        the last approval that was owed
    grant.used        -> run.starting                    jitsudo, and logins
    grant.used        -> holding.giving                  jitsudo --get
    grant.expired     -> run.stop_ordered                each run under it that lives
    grant.revoked     -> run.stop_ordered                the same
    grant.expired     -> holding.taking                  what was given under it
    grant.revoked     -> holding.taking                  the same
    run.ended         -> grant.returned                  a run that never started gives its use back
    holding.ended     -> grant.returned                  as does a thing that was not given
    lock.placed       -> request.locked, grant.revoked   what waits for whom it is on, and what rests on them

No other event causes one. Some of these are left out at times. No grant is issued where a lease answers. No use is taken where
no client waits to hand over its streams. A use by sudo, su or doas begins no run, since they run their command themselves. A
grant that expires may let its login session go on. The longest chain follows the last approval of a request whose client waits:
reviewed, issued, used, starting. That is four records and one commit.

What follows has an author of its own. The daemon issues the grant. The requester takes the use and begins the run, though the
approver's yes came last. The person who ended the grant, or the clock, orders its runs to stop. The monitor that saw a run end
returns its use, or the daemon where there was no monitor. What a lock ends, the operator ends who placed it.

What is done after the commit:

    SetDeadline  <- request.screened, grant.issued, lock.placed, lock.carried
    Admit        <- grant.used                           sudo, su and doas may go on
    StartRun     <- run.starting
    StopRun      <- run.stop_ordered
    ForgetRun    <- run.ended                            its monitor may go
    Give         <- holding.giving
    Take         <- holding.taking

and people who wait or watch are told. A deed that fails becomes an event: where a run cannot be started, ``run.ended`` says so,
and the use is returned.

After a crash
-------------

Effects are not stored. They follow from state, so ``lifecycle.recovery`` derives them again from what
is open; each may come twice.

    request  screening: it is decided again. pending: its deadline is set; where a client waited and does not come back, it is
             withdrawn, and a grant that it got and nobody has used is revoked.
    grant    its deadline is set.
    run      its monitor is looked for. One that lives checks in and is told what it has missed. Where it is dead, what it left
             says how the run ended. A run is never started a second time: one that has not begun ends as not started.
    holding  giving: it is given again. taking: it is taken again, and again until that is done. held: a client that had it in
             hand may come back; where it does not, the thing is taken back, unless it was asked for to stay.
    lock     its deadline is set.

Another boot ends what the last one left: requests and grants expire, runs are lost, and what was given is taken back. A lock
alone is carried over.
"""
