-- What a model was made of and by, which names it is asked by, and how it became the champion.
ALTER TABLE model
    DROP CONSTRAINT model_state_check,
    ADD CONSTRAINT model_state_check
        CHECK (state IN ('queued', 'training', 'ready', 'failed', 'cancelled')),
    -- Nobody where the system itself asked.
    ALTER COLUMN created_by DROP NOT NULL,
    ADD COLUMN reason text NOT NULL DEFAULT '',
    -- How many workers took it: more than one where a worker died over it.
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN cancelled_by uuid,
    ADD COLUMN data_row_count bigint,
    ADD COLUMN data_column_count integer,
    ADD COLUMN data_sha256 bytea,
    ADD COLUMN features jsonb,
    ADD COLUMN importances jsonb,
    ADD COLUMN versions jsonb,
    -- The fit that was evaluated and the quotes it was tested on; missing in models of earlier versions.
    ADD COLUMN holdout_key text,
    ADD COLUMN holdout_size_bytes bigint,
    ADD COLUMN holdout_sha256 bytea,
    ADD CONSTRAINT model_holdout_check CHECK ((holdout_key IS NULL) = (holdout_sha256 IS NULL)
        AND (holdout_key IS NULL) = (holdout_size_bytes IS NULL));

-- Names that models are asked by; the champion is the one that answers by default.
CREATE TABLE model_alias (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    model_id uuid NOT NULL,
    set_at timestamptz NOT NULL,
    set_by uuid,
    reason text NOT NULL,
    PRIMARY KEY (tenant_id, name),
    FOREIGN KEY (tenant_id, model_id) REFERENCES model
);
CREATE INDEX model_alias_model ON model_alias (tenant_id, model_id);

-- Two models on quotes that neither had learned from, whenever a promotion was asked for.
CREATE TABLE comparison (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    candidate_id uuid NOT NULL,
    champion_id uuid NOT NULL,
    compared_at timestamptz NOT NULL,
    verdict text NOT NULL
        CHECK (verdict IN ('better', 'not worse', 'doubtful', 'worse', 'not comparable')),
    row_count bigint NOT NULL,
    difference float8,
    difference_low float8,
    difference_high float8,
    -- A valutai.training.v1.LossComparison.
    message bytea NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, candidate_id) REFERENCES model,
    FOREIGN KEY (tenant_id, champion_id) REFERENCES model
);
CREATE INDEX comparison_candidate ON comparison (tenant_id, candidate_id, id DESC);

-- Every time a model became the champion, in the order of the ids. The champion is the last one that
-- was not rolled back; rolling back strikes it out, so that the one before is the last.
CREATE TABLE promotion (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    model_id uuid NOT NULL,
    promoted_at timestamptz NOT NULL,
    promoted_by uuid,
    reason text NOT NULL,
    overridden boolean NOT NULL DEFAULT false,
    comparison_id uuid,
    rolled_back_at timestamptz,
    rolled_back_by uuid,
    rollback_reason text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, model_id) REFERENCES model,
    FOREIGN KEY (tenant_id, comparison_id) REFERENCES comparison
);

-- The owner of a table is bound by its policies as well, and has no tenant here.
ALTER TABLE model NO FORCE ROW LEVEL SECURITY;
INSERT INTO model_alias (tenant_id, name, model_id, set_at, set_by, reason)
    SELECT tenant_id, 'champion', id, coalesce(promoted_at, created_at), promoted_by,
        promotion_reason
    FROM model WHERE champion;
-- Earlier champions are not known any more, so that there is nothing to roll back to at first.
INSERT INTO promotion (tenant_id, id, model_id, promoted_at, promoted_by, reason)
    SELECT tenant_id, id, id, coalesce(promoted_at, created_at), promoted_by, promotion_reason
    FROM model WHERE champion;
ALTER TABLE model
    DROP COLUMN champion,
    DROP COLUMN promoted_at,
    DROP COLUMN promoted_by,
    DROP COLUMN promotion_reason;
ALTER TABLE model FORCE ROW LEVEL SECURITY;

-- When a dataset is trained on again without being asked.
CREATE TABLE retraining_policy (
    tenant_id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    enabled boolean NOT NULL,
    least_new_outcomes bigint NOT NULL CHECK (least_new_outcomes > 0),
    least_days_between integer NOT NULL CHECK (least_days_between >= 0),
    promote_automatically boolean NOT NULL,
    set_at timestamptz NOT NULL,
    set_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, dataset_id),
    FOREIGN KEY (tenant_id, dataset_id) REFERENCES dataset
);

ALTER TABLE model_alias ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_alias FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON model_alias
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE comparison ENABLE ROW LEVEL SECURITY;
ALTER TABLE comparison FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON comparison
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE promotion ENABLE ROW LEVEL SECURITY;
ALTER TABLE promotion FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON promotion
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE retraining_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE retraining_policy FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON retraining_policy
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON comparison TO valutai_training_app;
GRANT SELECT, INSERT, UPDATE ON promotion, retraining_policy TO valutai_training_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON model_alias TO valutai_training_app;
