-- The names that models are asked by, as training tells of them. A name that was taken away stays without
-- a model, so that late news cannot bring it back.
CREATE TABLE model_alias (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    model_id uuid,
    -- The event that told it; ids of events are in the order of their making.
    told_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- What the challenger answered to the champion's questions, out of the way of those who asked.
CREATE TABLE shadow_answer (
    tenant_id uuid NOT NULL,
    prediction_id uuid NOT NULL,
    -- When the champion answered.
    created_at timestamptz NOT NULL,
    model_id uuid NOT NULL,
    win_probability float8 NOT NULL,
    shadow_model_id uuid NOT NULL,
    shadow_win_probability float8 NOT NULL,
    PRIMARY KEY (tenant_id, shadow_model_id, model_id, prediction_id)
);

ALTER TABLE model_alias ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_alias FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON model_alias
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE shadow_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE shadow_answer FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON shadow_answer
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON model_alias TO valutai_prediction_app;
GRANT SELECT, INSERT ON shadow_answer TO valutai_prediction_app;
