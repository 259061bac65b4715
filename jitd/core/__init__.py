# SPDX-License-Identifier: Apache-2.0
"""The decision, the binding, the three lives and the chain. Law: pure; time, ids and randomness arrive as arguments."""
