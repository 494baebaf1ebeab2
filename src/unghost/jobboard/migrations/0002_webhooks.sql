-- How applications reach the ATS (spec R28): webhooks with their challenge, and what is to be delivered to them.

-- What client secrets are derived from (docs/decisions/derived-client-secrets.md): the board can sign with them again.
-- None: the secret was made by an earlier release, only its hash is known, and nothing can be signed with it.
ALTER TABLE jobboard.oauth_application
    ADD COLUMN secret_nonce bytea,
    ADD COLUMN former_secret_nonce bytea;

-- Where a child application takes applications. unverified -> verified by a challenge that passes; either -> blocked
-- by three in a row that fail; blocked -> unverified when it is registered again or an operator asks.
CREATE TABLE jobboard.webhook (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    oauth_application_id bigint NOT NULL REFERENCES jobboard.oauth_application,
    url                  text NOT NULL CHECK (url ~ '^https?://'),
    state                text NOT NULL CHECK (state IN ('unverified', 'verified', 'blocked')),
    -- The nonce of the secret by which the last challenge passed: deliveries are signed with that secret.
    secret_nonce         bytea,
    -- Challenges failed since one passed; attempts is the fence of the settlement.
    failures             smallint NOT NULL DEFAULT 0 CHECK (failures >= 0),
    attempts             bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- When the next challenge is due, or the end of the lease while a dispatcher has it. A blocked one has none.
    attempt_at           timestamptz,
    -- When a challenge passed last, and what the last one met.
    verified_at          timestamptz,
    detail               text,
    created_at           timestamptz NOT NULL,
    UNIQUE (oauth_application_id, url),
    UNIQUE (id, url),
    CHECK ((state = 'blocked') = (attempt_at IS NULL)),
    CHECK ((verified_at IS NULL) = (secret_nonce IS NULL)),
    CHECK (state <> 'verified' OR verified_at IS NOT NULL)
);
CREATE INDEX webhook_challenge ON jobboard.webhook (attempt_at) WHERE state <> 'blocked';

ALTER TABLE jobboard.job
    -- Set by store/webhooks together: the webhook and, for reading, its URL. None: applications are delivered nowhere.
    ADD COLUMN webhook_id bigint,
    ADD COLUMN webhook_url text,
    -- Where to apply when the job is off-site.
    ADD COLUMN company_apply_url text CHECK (company_apply_url ~ '^https?://'),
    -- Since when nobody can apply here, for the first application could not be delivered; none: on-site.
    ADD COLUMN off_site_since timestamptz;
ALTER TABLE jobboard.job
    ADD CONSTRAINT job_webhook FOREIGN KEY (webhook_id, webhook_url) REFERENCES jobboard.webhook (id, url) MATCH FULL
    NOT VALID;

-- An application that goes to a webhook. waiting -> delivered, waiting -> failed; failed -> waiting by an operator only.
CREATE TABLE jobboard.delivery (
    application_number bigint PRIMARY KEY REFERENCES jobboard.application ON DELETE CASCADE,
    webhook_id         bigint NOT NULL REFERENCES jobboard.webhook,
    state              text NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    -- Sends that were not answered 200; attempts counts claims and is the fence of the settlement.
    failures           smallint NOT NULL DEFAULT 0 CHECK (failures >= 0),
    attempts           bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- As in notice: when the next send may begin, or the end of the lease.
    attempt_at         timestamptz,
    delivered_at       timestamptz,
    -- What the last send met; never an address.
    detail             text,
    created_at         timestamptz NOT NULL,
    CHECK ((state = 'waiting') = (attempt_at IS NOT NULL)),
    CHECK ((state = 'delivered') = (delivered_at IS NOT NULL)),
    CHECK (state <> 'failed' OR failures > 0)
);
CREATE INDEX delivery_waiting ON jobboard.delivery (webhook_id, attempt_at) WHERE state = 'waiting';
