-- Consent that was withdrawn and given again tells nothing of what was reported before (spec R15).

-- The last action stored when the box was ticked: of it, and of those before it, nothing more is told. An action's
-- number, not a moment: no two machines' clocks have to agree, and it tells apart what happens in one moment.
ALTER TABLE jobboard.customer ADD COLUMN consent_after bigint NOT NULL DEFAULT 0;

-- Of customers who have ticked it: what waits since before their last tick has outlived their consent.
UPDATE jobboard.customer c SET consent_after = outlived.last
FROM (
    SELECT s.organization, max(n.action_id) AS last
    FROM jobboard.notice n
    JOIN jobboard.action a ON a.id = n.action_id
    JOIN jobboard.application s ON s.number = n.application_number
    JOIN (
        SELECT DISTINCT ON (organization) organization, ticked, changed_at
        FROM jobboard.consent_ledger ORDER BY organization, id DESC
    ) l ON l.organization = s.organization
    WHERE n.state = 'waiting' AND l.ticked AND a.received_at < l.changed_at
    GROUP BY s.organization
) outlived
WHERE outlived.organization = c.organization;
