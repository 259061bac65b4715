# SPDX-License-Identifier: Apache-2.0
"""The keys of a rule, each in a module. A new key is a module here, a line in ``core/rule.py`` and its row in jitd-policy(5)."""
