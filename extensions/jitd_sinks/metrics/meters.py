# SPDX-License-Identifier: Apache-2.0
"""Counts what the daemon does: requests by rule and state, the time to a decision, runs, reloads of the policy.

Law: no label contains anything that a client can choose: no person, account, command or reason. The number of values of each
label is limited. A rule with ``visible_to`` is not named, because nobody knows who reads metrics (as in
``visibility.shown_elsewhere``). Counting never fails, and the daemon decides nothing by a count. The counts begin anew with each
start of the daemon.
Source: OpenMetrics 1.0, https://prometheus.io/docs/specs/om/open_metrics_spec/.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from jitd.core.condition import MICRO, Family, Sample, gauge
from jitd.core.effects import Moment
from jitd.core.request import LAW, Request, RequestState
from jitd.core.run import Ending, Run
from jitd.core.visibility import HIDDEN, words_of
from jitd.failures import counted
from jitd.lifecycle.readers import Reader
from jitd.store import Life

MOST_RULES = 100  # rules that are named. All others are counted together, because each name costs its reader a time series.
OTHER = "(other)"
PEOPLE = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)  # bounds in seconds, for what people decide
MACHINE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # bounds in seconds, for what the daemon decides
ENDED = tuple(state for state in RequestState if not LAW[state])  # the states in which a request has ended


class Histogram:
    """Counts durations. ``bounds`` are the upper bounds of the buckets, in seconds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0

    def observe(self, seconds: float) -> None:
        """Count a duration. Clocks may be set back, so that a duration seems to be negative. It then counts as 0."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += round(seconds * MICRO)

    def samples(self, *labels: str) -> Iterator[Sample]:
        """Yield the samples. ``labels`` are the values of the labels before ``le``."""
        below = 0
        for bound, n in zip((*map(float, self._bounds), "+Inf"), self._counts, strict=True):
            below += n
            yield "_bucket", (*labels, str(bound)), below
        yield "_count", labels, below
        yield "_sum", labels, self._total


class Meters(Reader):
    """The counts of one daemon. Its methods are called on the event loop."""

    def __init__(self, at: float) -> None:
        """``at`` is the start of the daemon, in seconds since 1970."""
        self.started_at = at
        self.loaded_at = at
        self.n_recorded = 0
        self._requests: Counter[tuple[str, str]] = Counter()
        self._rules: set[str] = set()
        self._waited = {state: Histogram(PEOPLE) for state in ENDED}
        self._decided = Histogram(MACHINE)
        self._runs: Counter[str] = Counter()
        self._reloads: Counter[str] = Counter()
        self._n_glasses = 0

    def changed(self, before: Life | None, after: Life, now: Moment) -> None:
        """Count a change that was committed at ``now``. ``before`` is None if the object is new."""
        if isinstance(after, Request):
            was = None if before is None else before.state
            if after.state is was or after.state is RequestState.SCREENING:
                return
            self._requests[self.rule_of(after.rule, is_hidden=words_of(after) is not None), after.state] += 1
            if was is RequestState.PENDING and after.state in self._waited:
                self._waited[after.state].observe(_since(after, now))
            if after.breaks_glass and after.state is RequestState.APPROVED:
                self._n_glasses += 1
        elif isinstance(after, Run) and after.outcome is not None and (not isinstance(before, Run) or before.outcome is None):
            self._runs[after.outcome.ending] += 1
            if after.recording is not None:
                self.n_recorded += after.recording.size

    def recorded(self, n_bytes: int) -> None:
        """Take ``n_bytes`` as the size of all recordings. Until the next call, recordings that end meanwhile are added."""
        self.n_recorded = n_bytes

    def rule_of(self, rule: str, *, is_hidden: bool) -> str:
        """Return the value of the label ``rule`` for a request under ``rule``."""
        if is_hidden or not rule:
            return HIDDEN if is_hidden else ""
        if rule not in self._rules:
            if len(self._rules) >= MOST_RULES:
                return OTHER
            self._rules.add(rule)
        return rule

    def decided(self, seconds: float) -> None:
        """Count the time that the daemon took to decide about a new request."""
        self._decided.observe(seconds)

    def loaded(self, at: float) -> None:
        """Count that a new policy was loaded at ``at``, in seconds since 1970."""
        self.loaded_at = at
        self._reloads["loaded"] += 1

    def refused(self) -> None:
        """Count that a new policy was refused, and the old one stays in force."""
        self._reloads["refused"] += 1

    def families(self) -> Iterator[Family]:
        yield Family(
            "jitd_requests",
            "counter",
            "Requests that have come into a state, by rule.",
            tuple(("_total", of, n) for of, n in sorted(self._requests.items())),
            ("rule", "state"),
        )
        yield Family(
            "jitd_time_to_decision_seconds",
            "histogram",
            "Time from a request that had to wait for people to its end, by the state in which it ended.",
            tuple(sample for state, waited in self._waited.items() for sample in waited.samples(state)),
            ("state",),
            "seconds",
        )
        yield Family(
            "jitd_decision_seconds",
            "histogram",
            "Time in which the daemon has answered a new request, without the time of people and of gatekeepers.",
            tuple(self._decided.samples()),
            unit="seconds",
        )
        yield Family("jitd_broken_glass", "counter", "Requests that broke glass.", (("_total", (), self._n_glasses),))
        yield Family(
            "jitd_runs_ended",
            "counter",
            "Runs that have ended, by how they ended.",
            tuple(("_total", (ending,), self._runs[ending]) for ending in Ending),
            ("ending",),
        )
        yield Family(
            "jitd_policy_reloads",
            "counter",
            "Reloads of the policy, by result. After a refused one the old policy stays in force.",
            tuple(("_total", (result,), self._reloads[result]) for result in ("loaded", "refused")),
            ("result",),
        )
        yield Family(
            "jitd_failures",
            "counter",
            "Failures, by what has failed.",
            tuple(("_total", (failure,), n) for failure, n in counted().items()),
            ("what",),
        )
        yield gauge(
            "jitd_policy_loaded_timestamp_seconds",
            "When the policy in force was loaded, in seconds since 1970.",
            round(self.loaded_at * MICRO),
            unit="seconds",
        )
        yield gauge(
            "jitd_start_timestamp_seconds",
            "When the daemon has started, in seconds since 1970.",
            round(self.started_at * MICRO),
            unit="seconds",
        )


def _since(asked: Request, now: Moment) -> float:
    """Return the seconds since ``asked`` was submitted. In a later boot of the host only the wall clock knows."""
    if asked.boot_id == now.boot_id:
        return now.boot - asked.submitted_boot
    return (now.at - asked.submitted_at).total_seconds()
