-- Version 7: the names of the groups that requests name: in their approvals, and in who may see and watch them. These are the
-- groups by which somebody may still see or review a request after the rules have changed. Not in the chain: each name is one
-- that a document contains.

CREATE TABLE named_groups (
    name TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

INSERT INTO named_groups
SELECT DISTINCT substr(word.value, 7)
FROM (SELECT CASE WHEN json_valid(CAST(document AS TEXT)) THEN CAST(document AS TEXT) ELSE '{}' END AS document FROM requests) AS request,
     json_tree(json_array(json_extract(request.document, '$.obligations'), json_extract(request.document, '$.visible_to'))) AS word
WHERE word.type = 'text' AND word.value LIKE 'group:_%';
