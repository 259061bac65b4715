# SPDX-License-Identifier: Apache-2.0
"""The side that decides, and its operators' command. Law: of ``jitpam`` it knows the wire, and its command the client."""
