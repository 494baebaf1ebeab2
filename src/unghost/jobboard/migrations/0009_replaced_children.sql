-- A child application that was revoked can be replaced: by one for the same customer, under the same uniqueForeignId
-- (spec R25, R26). The indexes are built in the transaction, for the table has a row for each customer and no more.
-- squawk-ignore ban-drop-constraint
ALTER TABLE jobboard.oauth_application DROP CONSTRAINT oauth_application_parent_id_organization_key;
-- squawk-ignore ban-drop-constraint
ALTER TABLE jobboard.oauth_application DROP CONSTRAINT oauth_application_parent_id_unique_foreign_id_key;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX oauth_application_organization
    ON jobboard.oauth_application (parent_id, organization) WHERE revoked_at IS NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX oauth_application_unique_foreign_id
    ON jobboard.oauth_application (parent_id, unique_foreign_id) WHERE revoked_at IS NULL;
