# SPDX-License-Identifier: Apache-2.0
"""The core of jitd. It decides about requests, binds runs to the approved command, defines the six life cycles, and makes the
records of the chain. Law: the core is pure. It gets the time, the ids and all random values as arguments.

The following paragraphs describe how events in one life cycle cause events in other life cycles.

There are six kinds of objects with a life cycle. A request asks for something. A grant permits a command or a thing. A run is
one execution of a command. A holding records a thing that jitd gave to somebody. A lock takes rights away from people. An owed
review is the duty to review a use of break-glass. Each life cycle is a module with two tables. The table LAW lists the events
that can happen in each state. The table MAY_CAUSE lists the roles that may cause each event. Each module also has a function for
the transitions. This function gets an object, an event and the current time. It returns the changed object, the events for other
objects, and the effects. An effect is an order that code outside the core carries out.

The method ``handle`` of ``lifecycle.Lifecycle`` applies an event. Then it applies the events that follow from this event, until
no event is left. Events and effects are easy to distinguish: an event has an author, and an effect has no author. ``handle``
commits all changed objects and all records in one transaction. Therefore an approved request always has a grant that permits it,
and all runs of a revoked grant have been ordered to stop. The effects are carried out after the commit.

A rule may name gatekeepers. A gatekeeper is a system outside jitd. All gatekeepers of a rule must answer before the rule permits
anything. A request under a rule with gatekeepers is stored first, in the state screening. The effect ``Screen`` queries the
gatekeepers and the policy. The result arrives as the event ``request.screened``. After the last approval, jitd stores the
review, and queries the gatekeepers again. Until they have answered, the request stays in the state pending, although no approval
is owed any more. Then another event ``request.screened`` decides about the request, or makes new approvals necessary. While
gatekeepers are queried, the field ``asking_at`` of the request is set.

A rule may allow another way of approval some time after the submission of the request. When this way opens, the request gets the
event ``request.ways_opened``. A rule may also restrict the approvers to a list from a provider. When this list has changed, the
request gets the event ``request.relisted``. After one of these two events, the given approvals may be enough. In this case, the
policy decides again. The policy also decides again after the last approval.

This table shows which event causes which other events in the same transaction:

    request.screened  -> grant.issued, grant.used        rule and gatekeepers permit, and no approval is owed
    request.reviewed  -> grant.issued, grant.used        this was the last owed approval, and no gatekeeper must answer
    request.screened  -> owed_review.begun               the rule breaks glass
    request.reviewed  -> owed_review.begun               the rule breaks glass, and a gatekeeper has required approvals
    grant.used        -> run.starting                    jitsudo, and logins
    grant.used        -> holding.giving                  jitsudo --get
    grant.expired     -> run.stop_ordered                for each live run under the grant
    grant.revoked     -> run.stop_ordered                for each live run under the grant
    grant.expired     -> holding.taking                  for each holding under the grant
    grant.revoked     -> holding.taking                  for each holding under the grant
    run.ended         -> grant.returned                  the run never started, so its use is returned
    holding.ended     -> grant.returned                  the thing was not given, so its use is returned
    lock.placed       -> request.locked, grant.revoked   requests and grants of the locked people

The table does not contain one case: jitd takes back an account that it has made for a person. In this case, the event
``holding.taking`` causes ``request.withdrawn`` and ``grant.revoked`` for the requests and grants of this account. All other
events that are not in the left part of the table cause no further events. Some events in the right part of the table do not
always follow the event on the left. If a lease already covers the request, no grant is issued. A run needs the standard streams
of a client. If no client waits with its standard streams, the grant is not used yet. If sudo, su or doas uses a grant, no run
begins, because these programs run their command themselves. When a grant expires, its login session may continue if the rule
allows this. After the last approval of a request whose client waits, four events follow each other: ``request.reviewed``,
``grant.issued``, ``grant.used`` and ``run.starting``. Their records are written in one commit. A lock may also revoke grants of
people who are not locked. If a locked person has approved such a grant, and the other approvals are not enough, the grant is
revoked.

Each event that follows from another event has its own author. The daemon is the author of ``grant.issued``. The requester is the
author of ``grant.used`` and ``run.starting``, even if an approver has answered last. A grant is ended by a person or by the
clock. The author of this end is also the author of the orders to stop the grant's runs. When a run has ended, the author of
``grant.returned`` is the monitor of the run. If the run had no monitor, the author is the daemon. The operator who placed a lock
is the author of all endings that the lock causes.

The effects are carried out after the commit. The next table shows the effects on the left, and the events that order each effect
on the right:

    SetDeadline  <- request.submitted, request.screened, grant.issued, lock.placed, lock.carried
    SetDeadline  <- request.reviewed, request.ways_opened  if a way is still closed, or a list narrows the approvers
    SetDeadline  <- owed_review.begun, owed_review.carried
    Screen       <- request.submitted, request.reviewed  gatekeepers must answer
    Screen       <- request.ways_opened, request.relisted  the given approvals are enough now
    ForgetAnswers <- lock.placed                         stored answers of gatekeepers are dropped
    SeatsChanged <- lock.lifted, lock.expired            others may be able to approve
    Admit        <- grant.used                           sudo, su and doas may go on
    StartRun     <- run.starting
    StopRun      <- run.stop_ordered
    ForgetRun    <- run.ended                            its monitor may exit
    Give         <- holding.giving
    Take         <- holding.taking

Clients that wait or watch are also informed, and people whom a notice reaches without a connection. If an effect fails, an event
records the failure. For example, if a run cannot be started, the event ``run.ended`` records the failure. The failed run is then
not counted as a use of the grant.

The following paragraphs describe the actions of the daemon after a crash.

Effects are not stored, because jitd can find them again from the state of the objects. After a crash, ``lifecycle.recovery``
finds the effects that the open objects need. Therefore an effect may be carried out twice. This does no harm.

* Request: If the request is in the state screening, jitd decides it again and queries its gatekeepers again. If the request is
  in the state pending, jitd sets its deadline again. jitd also sets again the time when the next way to approve the request
  opens. If gatekeepers have not answered, jitd queries them again. If a client waited before the crash and does not connect
  again, the request is withdrawn. If the request of this client already has an unused grant, the grant is revoked.
* Grant: The deadline of the grant is set again.
* Run: The daemon looks for the monitor of the run. If the monitor is alive, it connects to the daemon, and gets the orders that
  it has missed. If the monitor is dead, the daemon reads from the monitor's files how the run ended. A run is never started a
  second time. If the run had not begun, it ends as not started.
* Holding: If the holding is in the state giving, jitd gives the thing again. If it is in the state taking, jitd tries to take
  the thing back until this succeeds. If it is in the state held, the client that received the thing may connect again. If the
  client does not connect again, jitd takes the thing back. But jitd does not take it back if the client asked to keep it.
* Lock: The deadline of the lock is set again.
* Owed review: The deadline of the review is set again if the review is still owed.

A reboot ends most open objects. Requests and grants expire, runs are lost, and things are taken back. Locks and owed reviews
stay.
"""
