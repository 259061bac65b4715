# SPDX-License-Identifier: Apache-2.0
"""Verifies the record of past events. The record is stored as a chain, in which each record depends on the record before it. Law:
the verifier only reads. It changes nothing.
"""
