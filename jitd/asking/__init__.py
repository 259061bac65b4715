# SPDX-License-Identifier: Apache-2.0
"""Asks providers for facts and gatekeepers for their answer, and reads what they say.

``telling`` makes the questions and ``hearing`` reads the answers, both pure. ``reaching`` has jitd-outside or jitd-programs ask.
``providers`` and ``gatekeepers`` are what the decider and the lives see (docs/adr/0037).
Law: nothing that comes from outside permits. What is late, lost, too long or not exactly in the form that was asked for is
silence, with its reason.
"""
