-- How quotes ended, joined to what had been said of them before. One row a quote; what is corrected goes to outcome_change.
CREATE TABLE outcome (
    tenant_id uuid NOT NULL,
    quote_ref text COLLATE "C" NOT NULL CHECK (quote_ref <> ''),
    version integer NOT NULL CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('won', 'lost', 'withdrawn')),
    decided_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- Empty for an import.
    recorded_by uuid,
    -- Empty for a caller.
    dataset_id uuid,
    CHECK ((recorded_by IS NULL) <> (dataset_id IS NULL)),
    PRIMARY KEY (tenant_id, quote_ref)
);
CREATE INDEX outcome_decided ON outcome (tenant_id, decided_at);

-- What was recorded before.
CREATE TABLE outcome_change (
    tenant_id uuid NOT NULL,
    quote_ref text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    state text NOT NULL,
    decided_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by uuid,
    dataset_id uuid,
    PRIMARY KEY (tenant_id, quote_ref, version)
);

-- The last prediction of each model before a quote was decided. Figures are copied, so that the track record outlives the
-- predictions.
CREATE TABLE judged_prediction (
    tenant_id uuid NOT NULL,
    quote_ref text COLLATE "C" NOT NULL,
    model_id uuid NOT NULL,
    prediction_id uuid NOT NULL,
    predicted_at timestamptz NOT NULL,
    win_probability float8 NOT NULL,
    low float8 NOT NULL,
    high float8 NOT NULL,
    -- Whether it is the last of all models'.
    counts boolean NOT NULL,
    PRIMARY KEY (tenant_id, quote_ref, model_id)
);
CREATE INDEX judged_prediction_model ON judged_prediction (tenant_id, model_id, quote_ref);

-- What became of the first recommendation that was given for a quote.
CREATE TABLE advice_taken (
    tenant_id uuid NOT NULL,
    quote_ref text COLLATE "C" NOT NULL,
    prediction_id uuid NOT NULL,
    model_id uuid NOT NULL,
    statement text NOT NULL,
    followed text NOT NULL CHECK (followed IN ('yes', 'partly', 'no', 'unknown')),
    win_probability float8 NOT NULL,
    promised_probability float8 NOT NULL,
    PRIMARY KEY (tenant_id, quote_ref)
);

-- What people thought of quotes, every time they said so.
CREATE TABLE estimate (
    tenant_id uuid NOT NULL,
    quote_ref text COLLATE "C" NOT NULL CHECK (quote_ref <> ''),
    id uuid NOT NULL,
    estimated_at timestamptz NOT NULL,
    estimated_by uuid NOT NULL,
    win_probability float8 NOT NULL CHECK (win_probability BETWEEN 0.01 AND 0.99),
    PRIMARY KEY (tenant_id, quote_ref, id)
);

-- What the imports of a dataset last said of its quotes, so that an import which says the same again changes nothing, and
-- since when a quote was known to be decided.
CREATE TABLE dataset_outcome (
    tenant_id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    quote_ref text COLLATE "C" NOT NULL,
    won boolean NOT NULL,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, dataset_id, quote_ref)
);
-- The newest event that was heard of each dataset; ids of events are in the order of their making.
CREATE TABLE dataset_heard (
    tenant_id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    told_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, dataset_id)
);

-- Predictions by quote.
CREATE INDEX prediction_quote ON prediction (tenant_id, quote_ref, id) WHERE quote_ref <> '';

ALTER TABLE outcome ENABLE ROW LEVEL SECURITY;
ALTER TABLE outcome FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outcome
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE outcome_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE outcome_change FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outcome_change
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE judged_prediction ENABLE ROW LEVEL SECURITY;
ALTER TABLE judged_prediction FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON judged_prediction
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE advice_taken ENABLE ROW LEVEL SECURITY;
ALTER TABLE advice_taken FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON advice_taken
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE estimate ENABLE ROW LEVEL SECURITY;
ALTER TABLE estimate FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON estimate
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE dataset_outcome ENABLE ROW LEVEL SECURITY;
ALTER TABLE dataset_outcome FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dataset_outcome
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE dataset_heard ENABLE ROW LEVEL SECURITY;
ALTER TABLE dataset_heard FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dataset_heard
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON outcome, dataset_heard TO valutai_prediction_app;
GRANT SELECT, INSERT ON outcome_change, estimate TO valutai_prediction_app;
GRANT SELECT, INSERT, DELETE ON judged_prediction, advice_taken TO valutai_prediction_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON dataset_outcome TO valutai_prediction_app;
