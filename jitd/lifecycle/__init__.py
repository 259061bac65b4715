# SPDX-License-Identifier: Apache-2.0
"""The one door through which lives change, and the effects. Law: commit, then perform. What is owed is derived from state."""
