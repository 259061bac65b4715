-- Version 5: indexes that count what a person has asked for, been denied and run since a moment.
-- Moments are the first 19 characters of RFC 3339 in UTC, so that their order is that of the texts.

DROP TRIGGER requests_move;
ALTER TABLE requests ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN asked_at TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN is_denied INTEGER NOT NULL DEFAULT 0;
UPDATE requests SET
    person = json_extract(CAST(document AS TEXT), '$.requester.person'),
    asked_at = substr(json_extract(CAST(document AS TEXT), '$.submitted_at'), 1, 19),
    is_denied = json_extract(CAST(document AS TEXT), '$.state') = 'denied'
WHERE json_valid(CAST(document AS TEXT));
CREATE INDEX requests_lately ON requests (person, asked_at, is_denied);
CREATE TRIGGER requests_move BEFORE UPDATE ON requests
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.uid <> old.uid
BEGIN SELECT RAISE(ABORT, 'a request changes only through its life'); END;

DROP TRIGGER grants_move;
ALTER TABLE grants ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN ends_at TEXT NOT NULL DEFAULT '';
UPDATE grants SET
    person = json_extract(CAST(document AS TEXT), '$.holder.person'),
    ends_at = substr(json_extract(CAST(document AS TEXT), '$.ends_at'), 1, 19)
WHERE json_valid(CAST(document AS TEXT));
CREATE INDEX grants_lately ON grants (person, ends_at);
CREATE TRIGGER grants_move BEFORE UPDATE ON grants
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.uid <> old.uid OR new.work <> old.work
BEGIN SELECT RAISE(ABORT, 'a grant changes only through its life'); END;

DROP TRIGGER runs_move;
ALTER TABLE runs ADD COLUMN started_at TEXT NOT NULL DEFAULT '';
UPDATE runs SET started_at = coalesce(substr(json_extract(CAST(document AS TEXT), '$.started_at'), 1, 19), '')
WHERE json_valid(CAST(document AS TEXT));
CREATE INDEX runs_lately ON runs (grant_id, started_at);
CREATE TRIGGER runs_move BEFORE UPDATE ON runs
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.grant_id <> old.grant_id
BEGIN SELECT RAISE(ABORT, 'a run changes only through its life'); END;
