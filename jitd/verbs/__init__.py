# SPDX-License-Identifier: Apache-2.0
"""The verbs: what clients may ask of the daemon. Law: a verb checks who may see or do it before it does anything."""
