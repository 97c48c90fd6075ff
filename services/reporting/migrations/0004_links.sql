-- Links to reports: a token leads to a report for whoever is signed in to the organisation.
CREATE TABLE report_link (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    -- SHA-256; the token itself is kept nowhere.
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    openings bigint NOT NULL DEFAULT 0,
    last_opened_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash)
);
CREATE INDEX report_link_report ON report_link (tenant_id, report_id, id);

ALTER TABLE report_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_link FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON report_link
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON report_link TO valutai_reporting_app;
