# SPDX-License-Identifier: Apache-2.0
"""Gathers facts about requests, and decides about the requests. ``decider`` makes every decision. It has ``screening`` look at
the host in a thread, ``knowledge`` collect facts, and ``hearings`` ask gatekeepers.

Law: this package changes nothing. The callers act on the decisions.
"""
