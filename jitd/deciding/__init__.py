# SPDX-License-Identifier: Apache-2.0
"""Gathers facts about requests, and decides about the requests. Law: this package changes nothing. The callers act on the
decisions.
"""
