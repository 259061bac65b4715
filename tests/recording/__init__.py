# SPDX-License-Identifier: Apache-2.0
"""Recordings. Law: all of it runs anywhere and in seconds, but what says that it needs root."""
