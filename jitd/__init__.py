# SPDX-License-Identifier: Apache-2.0
"""The part of the project that makes decisions, and the command for its operators. Law: from ``jitpam``, this package imports
only the wire. The command for operators also imports the client.
"""
