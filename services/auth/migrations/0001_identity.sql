-- Who a person is. Not tenant tables: a person may belong to several organisations.
CREATE TABLE "user" (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
CREATE TABLE account (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES "user" ON DELETE CASCADE,
    provider text NOT NULL,
    provider_account_id text NOT NULL,
    password_hash text,
    created_at timestamptz NOT NULL,
    UNIQUE (provider, provider_account_id)
);
CREATE TABLE verification (
    id uuid PRIMARY KEY,
    identifier text NOT NULL,
    value_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);

-- What belongs to an organisation.
CREATE TABLE organization (
    tenant_id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE member (
    tenant_id uuid NOT NULL REFERENCES organization,
    user_id uuid NOT NULL REFERENCES "user",
    role text NOT NULL CHECK (role IN ('owner', 'analyst', 'viewer')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX member_user ON member (user_id);
CREATE TABLE session (
    tenant_id uuid NOT NULL REFERENCES organization,
    id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES "user",
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX session_of_user ON session (tenant_id, user_id);
CREATE TABLE tenant_key (
    tenant_id uuid PRIMARY KEY REFERENCES organization,
    wrapped_key bytea NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE audit_entry (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    user_id uuid,
    action text NOT NULL,
    entity_id text NOT NULL,
    -- The event as it was published; the hash covers these bytes.
    content bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence),
    UNIQUE (tenant_id, previous_hash)
);

ALTER TABLE organization ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organization
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE member ENABLE ROW LEVEL SECURITY;
ALTER TABLE member FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON member
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Signing in looks for the memberships of one user, before a tenant is known.
CREATE POLICY own_membership ON member FOR SELECT
    USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid);

ALTER TABLE session ENABLE ROW LEVEL SECURITY;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON session
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- A token leads to its one session, before a tenant is known.
CREATE POLICY own_token ON session FOR SELECT
    USING (token_hash = decode(nullif(current_setting('app.token_hash', true), ''), 'hex'));

ALTER TABLE tenant_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_key FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_key
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_entry
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON "user", account, organization, member, session TO valutai_auth_app;
GRANT SELECT, INSERT, DELETE ON verification, tenant_key TO valutai_auth_app;
-- Append only.
GRANT SELECT, INSERT ON audit_entry TO valutai_auth_app;
