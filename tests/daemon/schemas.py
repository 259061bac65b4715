# SPDX-License-Identifier: Apache-2.0
"""Databases as older schemas had them. Law: a script takes away what one version brought, and nothing else."""

from __future__ import annotations

BEFORE_8 = "DROP TABLE texts; PRAGMA user_version = 7;"
"""Turns a database of version 8 into one of version 7."""
BEFORE_7 = f"{BEFORE_8} DROP TABLE named_groups; PRAGMA user_version = 6;"
"""Turns a database of version 8 into one of version 6."""
BEFORE_6 = f"{BEFORE_7} DROP TABLE told; DROP TABLE muted; DROP TABLE owed_reviews; PRAGMA user_version = 5;"
"""Turns a database of version 8 into one of version 5."""
BEFORE_5 = f"""{BEFORE_6}
DROP INDEX requests_lately; DROP INDEX grants_lately; DROP INDEX runs_lately;
ALTER TABLE requests DROP COLUMN person; ALTER TABLE requests DROP COLUMN asked_at; ALTER TABLE requests DROP COLUMN is_denied;
ALTER TABLE grants DROP COLUMN person; ALTER TABLE grants DROP COLUMN ends_at;
ALTER TABLE runs DROP COLUMN started_at;
PRAGMA user_version = 4;
"""
"""Turns a database of version 8 into one of version 4."""
