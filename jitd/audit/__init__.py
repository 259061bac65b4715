# SPDX-License-Identifier: Apache-2.0
"""Verifies the record of past events. The whole record is a chain of single records. Each single record depends on the one before
it. Law: the verifier only reads. It changes nothing.
"""
