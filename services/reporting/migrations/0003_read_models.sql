-- Reports about open quotes, prices and the track record need more of what events tell.

-- The news of a model as it came, a valutai.training.v1.ModelTrained without the model; absent of models that were told of
-- before, until the read models are rebuilt.
ALTER TABLE model ADD COLUMN trained bytea;

ALTER TABLE report
    DROP CONSTRAINT report_about_one,
    DROP CONSTRAINT report_kind_check,
    ADD CONSTRAINT report_kind_check CHECK (kind IN ('model', 'win_loss', 'pipeline', 'price', 'track')),
    -- What a forecast rested on, to be judged later.
    ADD COLUMN basis jsonb;
-- The versions of a report are those of its kind about the same thing.
CREATE INDEX report_kind ON report (tenant_id, kind, id);

-- How quotes ended, as it is in force.
CREATE TABLE outcome (
    tenant_id uuid NOT NULL,
    quote_ref text NOT NULL,
    version bigint NOT NULL,
    -- Absent where the quote is not decided after all.
    won boolean,
    decided_at timestamptz NOT NULL,
    -- The last prediction before the decision, and what it said; absent where there is none.
    model_id uuid,
    win_probability float8,
    PRIMARY KEY (tenant_id, quote_ref)
);
CREATE INDEX outcome_decided ON outcome (tenant_id, decided_at);

-- What checks found. Drift that ended has its end.
CREATE TABLE drift (
    tenant_id uuid NOT NULL,
    model_id uuid NOT NULL,
    checked_at timestamptz NOT NULL,
    -- As it came, a valutai.prediction.v1.DriftDetected; absent of an end.
    content bytea,
    PRIMARY KEY (tenant_id, model_id, checked_at)
);

-- Predictions by model and month. Sums are in billionths, so that they do not depend on the order of their parts.
CREATE TABLE predicted (
    tenant_id uuid NOT NULL,
    model_id uuid NOT NULL,
    month text NOT NULL,
    predictions bigint NOT NULL,
    -- Sum of p, and of p (1 - p).
    said bigint NOT NULL,
    spread bigint NOT NULL,
    PRIMARY KEY (tenant_id, model_id, month)
);

ALTER TABLE outcome ENABLE ROW LEVEL SECURITY;
ALTER TABLE outcome FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outcome
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE drift ENABLE ROW LEVEL SECURITY;
ALTER TABLE drift FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON drift
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE predicted ENABLE ROW LEVEL SECURITY;
ALTER TABLE predicted FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON predicted
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON outcome, drift, predicted TO valutai_reporting_app;
