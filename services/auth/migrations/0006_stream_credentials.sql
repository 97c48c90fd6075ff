-- Credentials by which programs of an organisation read its events on NATS.
CREATE TABLE stream_credential (
    tenant_id uuid NOT NULL REFERENCES organization,
    id uuid NOT NULL,
    name text NOT NULL,
    -- User of NATS, consumer and inbox at once. Random: whoever knew it could have replies to requests of their own sent there.
    login text COLLATE "C" NOT NULL UNIQUE,
    secret_hash bytea NOT NULL UNIQUE,
    -- Numbers of StreamEvent.
    events integer[] NOT NULL,
    -- None where reading began with the oldest event that was kept.
    starts_at timestamptz,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE stream_credential ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_credential FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON stream_credential
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Whoever connects is known by the secret alone.
CREATE POLICY own_secret ON stream_credential FOR SELECT
    USING (secret_hash = decode(nullif(current_setting('app.token_hash', true), ''), 'hex'));
-- Whoever keeps consumers and credentials in step looks for all that have not ended.
CREATE POLICY open_ones ON stream_credential FOR SELECT
    USING (revoked_at IS NULL
        AND expires_at > nullif(current_setting('app.streams_open_at', true), '')::timestamptz);
GRANT SELECT, INSERT, UPDATE ON stream_credential TO valutai_auth_app;
