-- What the events told, and the reports made of it.
CREATE TABLE dataset (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- The event as it came, a valutai.ingestion.v1.DatasetImported.
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE TABLE model (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    -- A valutai.training.v1.Model.
    content bytea NOT NULL,
    prediction_count bigint NOT NULL DEFAULT 0,
    -- Whether it answers by default.
    champion boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, id)
);
CREATE TABLE report (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    model_id uuid NOT NULL,
    title text NOT NULL,
    insights jsonb NOT NULL,
    content jsonb NOT NULL,
    -- The page lies encrypted in the blob store.
    page_key text NOT NULL,
    page_size_bytes bigint NOT NULL,
    page_sha256 bytea NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX report_model ON report (tenant_id, model_id, id);

ALTER TABLE dataset ENABLE ROW LEVEL SECURITY;
ALTER TABLE dataset FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dataset
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE model ENABLE ROW LEVEL SECURITY;
ALTER TABLE model FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON model
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE report ENABLE ROW LEVEL SECURITY;
ALTER TABLE report FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON report
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON dataset, model, report TO valutai_reporting_app;
