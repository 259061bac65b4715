# SPDX-License-Identifier: Apache-2.0
"""The kernel: the daemon, which makes the decisions, and ``jitd``, the command for operators. Each package is a room, and
ARCHITECTURE.md draws which of them may import which.

Law: of ``jitpam``, the daemon imports ``jitpam.wire`` and the version alone. Verbs also import what connects to the daemon.
"""
