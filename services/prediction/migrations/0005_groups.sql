-- Calls that came with a key, so that the same call again gets the same answer. Kept for a day; what is older is
-- removed when its tenant sends a key.
CREATE TABLE prediction_request (
    tenant_id uuid NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    -- The answer: ids of its predictions in their order, 16 bytes each.
    prediction_ids bytea NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX prediction_request_made_at ON prediction_request (tenant_id, made_at);
ALTER TABLE prediction_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE prediction_request FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON prediction_request
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON prediction_request TO valutai_prediction_app;

-- The reference was looked up for each row, which cost as much as the row. The transaction that writes predictions
-- reads their models instead, once for all of them, and holds the same lock on them.
ALTER TABLE prediction DROP CONSTRAINT prediction_tenant_id_model_id_fkey;

-- Details are somewhat longer than Postgres keeps as they are; LZ4 shortens them in a fifth of the time. Not every
-- Postgres is built with it.
DO $$
BEGIN
    ALTER TABLE prediction ALTER COLUMN detail SET COMPRESSION lz4;
    ALTER TABLE prediction ALTER COLUMN input SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    RAISE NOTICE 'details of predictions are compressed the usual way';
END
$$;
