-- Who was written of which report: to each once, whatever is asked again. Forgotten after a month.
CREATE TABLE report_letter (
    tenant_id uuid NOT NULL,
    report_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, report_id, user_id)
);
ALTER TABLE report_letter ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_letter FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON report_letter
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE ON report_letter TO valutai_auth_app;
