-- The quotes that a model learned from, for comparison; none for models of earlier versions.
ALTER TABLE model
    ADD COLUMN past_key text,
    ADD COLUMN past_size_bytes bigint,
    ADD COLUMN past_sha256 bytea,
    ADD CONSTRAINT model_past_check CHECK ((past_key IS NULL) = (past_sha256 IS NULL)
        AND (past_key IS NULL) = (past_size_bytes IS NULL));

-- What is needed to repeat a prediction: the day that counted where the quote states none, and what was known of earlier
-- quotes, as numbers by column. Predictions of earlier versions have neither; their day is that of their making.
ALTER TABLE prediction
    ADD COLUMN as_of date,
    ADD COLUMN derived jsonb;

-- What may be recommended to change. Every version is kept, since predictions name the one they followed.
CREATE TABLE recommendation_policy (
    tenant_id uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    -- A valutai.prediction.v1.RecommendationPolicy, of which the fields count.
    policy bytea NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, version)
);
ALTER TABLE recommendation_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE recommendation_policy FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON recommendation_policy
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT ON recommendation_policy TO valutai_prediction_app;
