# SPDX-License-Identifier: Apache-2.0
"""Facts about files, and who could change them. Law: a file that cannot be judged is an error with a sentence, never a guess."""
