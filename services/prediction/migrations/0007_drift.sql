-- What is said against a model: why training flagged it, and on a line of its own that it drifts. Readers ask for both at
-- once, so that drift costs the way of predictions no further query.
ALTER TABLE model RENAME COLUMN stale_reason TO flagged_reason;
ALTER TABLE model
    ADD COLUMN drift_reason text NOT NULL DEFAULT '',
    ADD COLUMN stale_reason text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN drift_reason = '' THEN flagged_reason ELSE flagged_reason || E'\n' || drift_reason END
    ) STORED;

-- The last check of each model.
CREATE TABLE drift_report (
    tenant_id uuid NOT NULL,
    model_id uuid NOT NULL,
    -- A valutai.prediction.v1.DriftReport.
    report bytea NOT NULL,
    PRIMARY KEY (tenant_id, model_id)
);
ALTER TABLE drift_report ENABLE ROW LEVEL SECURITY;
ALTER TABLE drift_report FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON drift_report
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE ON drift_report TO valutai_prediction_app;
