# SPDX-License-Identifier: Apache-2.0
"""Facts about files, and about the accounts that could change them.

Law: if a file cannot be judged, an error is raised with a sentence that says why. The result is never a guess.
"""
