# SPDX-License-Identifier: Apache-2.0
"""The core of jitd: the decision about a request, the binding of a run, the six life cycles, and the chain. Law: the core is
pure. The core gets the time, the ids and all random values as arguments.

The following paragraphs describe how events in one life cycle cause events in other life cycles.

A request asks for something. A grant permits a command or a thing. A run is one execution of a command. A holding records a thing
that jitd gave to somebody. A lock takes rights away from people. An owed review begins each time that somebody breaks glass. The
life cycle of each kind of object is a module with two tables. The table LAW lists the events that can happen in each state. The
table MAY_CAUSE lists the roles that may cause each event. A transition is a function of an object, an event and the current time.
A transition returns the changed object, the events for other objects, and the effects. An effect is an order to the code outside
the core.

An event has an author, but an effect has no author. ``lifecycle.handle`` distinguishes events from effects by their authors.
``lifecycle.handle`` also applies the events that follow from an event, until no event is left. ``lifecycle.handle`` commits all
changed objects and all records in one transaction. After the commit, the effects are carried out. Therefore an approved request
always has a grant, and all runs of a revoked grant have been ordered to stop.

A rule may name gatekeepers. A gatekeeper is a system outside jitd. All gatekeepers of a rule must answer before the rule permits
anything. A request under a rule with gatekeepers is stored first. The state of such a request is screening, and ``asking_at`` is
set. The effect ``Screen`` queries the gatekeepers and the policy. The answers of the gatekeepers arrive as the event
``request.screened``. After the last approval, jitd queries the gatekeepers again. Until the gatekeepers answer, the review is
stored and the request stays pending. While the gatekeepers are queried, ``asking_at`` is set, and no approval is owed. Then the
event ``request.screened`` decides. The event ``request.screened`` may also make new approvals necessary.

A rule may define a way of approval that opens some time after the submission of the request. A rule may also restrict the
approvers to a list from a provider. The request gets the event ``request.ways_opened`` when the way opens, and
``request.relisted`` when a list has changed. If the given approvals are enough after one of these events, the policy decides
again. The policy also decides again after the last approval.

This table shows which event causes which other events in the same transaction:

    request.screened  -> grant.issued, grant.used        rule and gatekeepers permit, and no approval is owed
    request.reviewed  -> grant.issued, grant.used        this was the last owed approval, and no gatekeeper must answer
    request.screened  -> owed_review.begun               the rule breaks glass
    request.reviewed  -> owed_review.begun               the same, if a gatekeeper has required approvals
    grant.used        -> run.starting                    jitsudo, and logins
    grant.used        -> holding.giving                  jitsudo --get
    grant.expired     -> run.stop_ordered                for each live run under the grant
    grant.revoked     -> run.stop_ordered                the same
    grant.expired     -> holding.taking                  for each holding under the grant
    grant.revoked     -> holding.taking                  the same
    run.ended         -> grant.returned                  the run never started, so its use is returned
    holding.ended     -> grant.returned                  the thing was not given, so its use is returned
    lock.placed       -> request.locked, grant.revoked   requests and grants of the locked people

Other events cause no events. Some events in the right part of the table do not always follow. If a lease already covers the
request, no grant is issued. If no client waits with the standard streams for the run, the grant is not used yet. If sudo, su or
doas uses a grant, no run begins, because these programs run their command themselves. When a grant expires, its login session may
continue if the rule allows this. The longest sequence of events is reviewed, issued, used, starting. The longest sequence begins
with the last approval of a request whose client waits. The records of the four events reviewed, issued, used and starting are
written in one commit. A lock may also revoke grants of people who are not locked. Such a grant is revoked if its approvals are
not enough without the approval of the locked person.

Each event that follows from another event has its own author. The daemon issues the grant. The requester is the author of the use
and of the start of the run, even if an approver has answered last. The author of a grant's end (a person or the clock) is also
the author of the orders to stop its runs. When a run has ended, the author of ``grant.returned`` is the monitor of the run. If
the run had no monitor, the author is the daemon. The operator who placed a lock is the author of all endings that the lock
causes.

The effects are carried out after the commit. The next table shows the effects on the left, and on the right the events that order
an effect:

    SetDeadline  <- request.submitted, request.screened, grant.issued, lock.placed, lock.carried
    SetDeadline  <- request.reviewed, request.ways_opened  if a way is still closed, or a list narrows the approvers
    SetDeadline  <- owed_review.begun, owed_review.carried
    Screen       <- request.submitted, request.reviewed  gatekeepers must answer
    Screen       <- request.ways_opened, request.relisted  the given approvals are enough now
    ForgetAnswers <- lock.placed                         stored answers of gatekeepers are dropped
    Admit        <- grant.used                           sudo, su and doas may go on
    StartRun     <- run.starting
    StopRun      <- run.stop_ordered
    ForgetRun    <- run.ended                            its monitor may exit
    Give         <- holding.giving
    Take         <- holding.taking
    ReviewOwed   <- owed_review.begun                    the skipped approvers are informed
    ReviewOverdue <- owed_review.overdue                 the possible reviewers are informed
    ReviewGiven  <- owed_review.reviewed                 the people who were told are informed

Clients that wait or watch are also informed. If an effect fails, an event records the failure. For example, if a run cannot be
started, the event ``run.ended`` records the failure, and the grant gets the use back.

The following paragraphs describe the actions of the daemon after a crash.

Effects are not stored, because they follow from the state of the objects. After a crash, ``lifecycle.recovery`` derives the
effects again from the open objects. Each effect may be carried out twice without harm.

* Request: In the state screening, jitd decides the request again and queries its gatekeepers again. In the state pending, jitd
  sets the deadline of the request, and the time when its next way opens. If gatekeepers have not answered, jitd queries them
  again. If a client waited and does not connect again, the request is withdrawn. If the request of such a client already has an
  unused grant, the grant is revoked.
* Grant: The deadline of the grant is set again.
* Run: The daemon looks for the monitor of the run. A live monitor connects, and gets the orders that it has missed. If the
  monitor is dead, its files contain the end of the run. A run is never started a second time. If the run had not begun, it ends
  as not started.
* Holding: In the state giving, jitd gives the thing again. In the state taking, jitd tries to take the thing back until it
  succeeds. In the state held, the client that received the thing may connect again. If the client does not connect again, jitd
  takes the thing back, unless the client asked to keep the thing.
* Lock: The deadline of the lock is set again.
* Owed review: The deadline of the review is set again if the review is still owed.

A reboot ends most open objects. Requests and grants expire, runs are lost, and things are taken back. Locks and owed reviews
stay.
"""
