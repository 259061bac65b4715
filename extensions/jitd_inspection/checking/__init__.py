# SPDX-License-Identifier: Apache-2.0
"""Finds the warnings of ``jitd check``. A warning is about a rule that is valid, but perhaps does not do what its author wanted.

Law: nothing in this package decides a request or changes the host. The warnings that depend only on the rules are computed by
pure functions. Look-ups on the host have a time limit. If a look-up fails, there is a warning about the failure.
"""
