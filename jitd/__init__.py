# SPDX-License-Identifier: Apache-2.0
"""Contains the daemon, which makes the decisions. Also contains ``jitd``, which is the command for operators. Law: from the
package ``jitpam``, the daemon imports only ``jitpam.wire``. The packages ``cli``, ``checking`` and ``doctor`` also import other
modules of ``jitpam``.
"""
