# SPDX-License-Identifier: Apache-2.0
"""Verifies what happened in the past. The only evidence is the chain. Law: the verifier only reads. It changes neither the chain
nor anything else.
"""
