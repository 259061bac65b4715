# SPDX-License-Identifier: Apache-2.0
"""The one door through which lives change, and what follows. Law: commit, then perform; what is owed is derived from state."""
