# SPDX-License-Identifier: Apache-2.0
"""Finds the warnings of ``jitd check``. A warning is about a rule that is valid, but perhaps does not do what its author wanted.

Law: nothing in this package decides a request or changes the host. If a warning depends only on the rules, a pure function
computes it. Look-ups on the host have a time limit. If a look-up fails, there is a warning about the failure.
"""
