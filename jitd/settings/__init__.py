# SPDX-License-Identifier: Apache-2.0
"""Reads the administrator's files. The results are immutable values. Law: a file is accepted as a whole, or not at all."""
