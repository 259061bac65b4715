# SPDX-License-Identifier: Apache-2.0
"""Queries providers for facts and gatekeepers for decisions, and reads their answers.

The modules ``telling`` and ``hearing`` are pure: ``telling`` makes the questions, and ``hearing`` reads the answers. ``reaching``
sends the questions through jitd-outside or jitd-programs (docs/adr/0037). The daemon has ``providers`` and ``gatekeepers`` as
advisers (``jitd.extension_points``). Law: an answer from outside is never enough to permit a request. An answer may be late,
lost, too long, or not exactly in the required form. jitd treats such an answer as missing, and keeps the reason.
"""
