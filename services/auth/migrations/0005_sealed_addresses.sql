-- E-mail addresses are sealed, and found by a keyed hash. The key of the hashes is random, sealed by the
-- key-encryption key, and never changes: a rotation seals it anew and leaves what is found by it alone.
CREATE TABLE index_key (
    id uuid PRIMARY KEY,
    singleton boolean NOT NULL UNIQUE DEFAULT true CHECK (singleton),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- SQL has no key: the service seals what lies here in the clear when it starts, and empties `email`.
ALTER TABLE "user"
    ALTER COLUMN email DROP NOT NULL,
    ADD COLUMN email_sealed bytea,
    ADD COLUMN email_index bytea UNIQUE,
    ADD CONSTRAINT user_has_an_address CHECK (email IS NOT NULL OR (email_sealed IS NOT NULL AND email_index IS NOT NULL));
CREATE INDEX user_in_the_clear ON "user" (id) WHERE email IS NOT NULL;

-- Sealed by the tenant's key, so that it is gone for good with the tenant.
ALTER TABLE invitation
    ALTER COLUMN email DROP NOT NULL,
    ADD COLUMN email_sealed bytea,
    ADD COLUMN email_index bytea,
    ADD CONSTRAINT invitation_has_an_address CHECK (email IS NOT NULL OR (email_sealed IS NOT NULL AND email_index IS NOT NULL)),
    ADD CONSTRAINT invitation_by_address UNIQUE (tenant_id, email_index);
CREATE INDEX invitation_in_the_clear ON invitation (tenant_id) WHERE email IS NOT NULL;
-- The start of the service looks for those that lie in the clear.
CREATE POLICY in_the_clear ON invitation FOR SELECT
    USING (email IS NOT NULL AND current_setting('app.sealing_addresses', true) = 'on');

GRANT SELECT, INSERT ON index_key TO valutai_auth_app;
GRANT UPDATE (sealed) ON index_key TO valutai_auth_app;
GRANT UPDATE (email, email_sealed, email_index) ON invitation TO valutai_auth_app;
