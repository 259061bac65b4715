# SPDX-License-Identifier: Apache-2.0
"""The verbs of the inspection: ``doctor``, ``setup``, ``pam-lint`` and ``pam-install``."""
