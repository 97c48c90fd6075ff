-- Addresses that were confirmed, and the second factor. Sealed by the key-encryption key, because a
-- person belongs to no tenant.
ALTER TABLE "user"
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN totp_sealed bytea,
    ADD COLUMN totp_enabled_at timestamptz,
    -- Number of the last time step whose code was taken; none is taken twice.
    ADD COLUMN totp_last_step bigint NOT NULL DEFAULT 0;
CREATE TABLE recovery_code (
    user_id uuid NOT NULL REFERENCES "user" ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Tokens sent by mail. A row is deleted when its token is redeemed.
DROP TABLE verification;
CREATE TABLE verification (
    id uuid PRIMARY KEY,
    purpose text NOT NULL,
    value_hash bytea NOT NULL UNIQUE,
    -- Whose it is; none for a sign-up, whose user is made when it is confirmed.
    user_id uuid REFERENCES "user" ON DELETE CASCADE,
    -- What was asked for, sealed: an address, a password's hash, a name.
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX verification_of_user ON verification (user_id, purpose);
CREATE INDEX verification_end ON verification (expires_at);

-- Mail on its way: sealed, because it holds addresses and tokens; deleted when it is sent.
CREATE TABLE mail (
    id uuid PRIMARY KEY,
    sealed bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX mail_due ON mail (due_at);

-- Wrong attempts by account and by network; the key is a keyed hash of either.
CREATE TABLE attempt (
    key bytea PRIMARY KEY,
    count integer NOT NULL,
    window_ends_at timestamptz NOT NULL
);
CREATE INDEX attempt_end ON attempt (window_ends_at);

ALTER TABLE session
    ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN user_agent text NOT NULL DEFAULT '',
    ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE session ALTER COLUMN last_used_at DROP DEFAULT;
-- Whoever changes a password ends the sessions in every organisation.
CREATE POLICY own_session_read ON session FOR SELECT
    USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY own_session_end ON session FOR UPDATE
    USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid)
    WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);

-- Keys of programs: a member's own, or of a service account, whose id is the key's.
CREATE TABLE api_key (
    tenant_id uuid NOT NULL REFERENCES organization,
    id uuid NOT NULL,
    user_id uuid REFERENCES "user",
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'analyst', 'viewer')),
    prefix text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX api_key_of_user ON api_key (tenant_id, user_id);
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_key
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY own_token ON api_key FOR SELECT
    USING (token_hash = decode(nullif(current_setting('app.token_hash', true), ''), 'hex'));
CREATE POLICY own_key_read ON api_key FOR SELECT
    USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY own_key_end ON api_key FOR UPDATE
    USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid)
    WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);

CREATE TABLE invitation (
    tenant_id uuid NOT NULL REFERENCES organization,
    id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'analyst', 'viewer')),
    token_hash bytea NOT NULL UNIQUE,
    invited_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
);
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitation
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY own_token ON invitation FOR SELECT
    USING (token_hash = decode(nullif(current_setting('app.token_hash', true), ''), 'hex'));

-- When an organisation is to be deleted.
ALTER TABLE organization ADD COLUMN delete_at timestamptz;
CREATE INDEX organization_ending ON organization (delete_at) WHERE delete_at IS NOT NULL;
-- The task that ends organisations looks for those whose time has come.
CREATE POLICY ending ON organization FOR SELECT
    USING (delete_at <= nullif(current_setting('app.ending_before', true), '')::timestamptz);
-- Organisations that are gone, until the other services have been told twice. Of no tenant.
CREATE TABLE erased_organization (
    organization_id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
-- A member reads the names of all organisations that he or she belongs to.
CREATE POLICY own_organization ON organization FOR SELECT
    USING (EXISTS (SELECT 1 FROM member m
        WHERE m.tenant_id = organization.tenant_id
          AND m.user_id = nullif(current_setting('app.user_id', true), '')::uuid));

GRANT SELECT, INSERT, DELETE ON recovery_code, verification, erased_organization TO valutai_auth_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON mail, attempt TO valutai_auth_app;
GRANT SELECT, INSERT, UPDATE ON api_key TO valutai_auth_app;
GRANT SELECT, INSERT, DELETE ON invitation TO valutai_auth_app;
GRANT DELETE ON member TO valutai_auth_app;
