# SPDX-License-Identifier: Apache-2.0
"""Queries providers for facts and gatekeepers for decisions, and reads their answers.

``telling`` makes the questions, and ``hearing`` reads the answers. Both modules are pure. ``reaching`` sends the questions
through jitd-outside or jitd-programs. The decider and the life cycles use only ``providers`` and ``gatekeepers``
(docs/adr/0037). Law: an answer from outside is never enough to permit a request. An answer is treated as missing if it is late,
lost, too long, or not exactly in the required form. The reason is kept.
"""
