-- What ingestion has told of its datasets. One that is gone stays as a row without a snapshot, so
-- that news of its import which arrive late cannot bring it back.
CREATE TABLE dataset (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    row_count bigint NOT NULL,
    won_count bigint NOT NULL,
    snapshot_key text,
    snapshot_size_bytes bigint,
    snapshot_sha256 bytea,
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((snapshot_key IS NULL) = (deleted_at IS NOT NULL))
);

CREATE TABLE model (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    -- An unsigned number, kept by its bits.
    seed bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'training', 'ready', 'failed')),
    stage text NOT NULL DEFAULT '',
    progress float8 NOT NULL DEFAULT 0,
    problem text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    -- What training found: the figures that people query by, and all of it as it is answered.
    auc_roc float8,
    precision_score float8,
    recall_score float8,
    f1_score float8,
    log_loss float8,
    brier float8,
    parameters jsonb,
    wall_seconds float8,
    cpu_seconds float8,
    peak_memory_bytes bigint,
    -- A valutai.training.v1.Model with scores, importances, parameters, row counts, notes, resources.
    learned bytea,
    artefact_key text,
    artefact_size_bytes bigint,
    artefact_sha256 bytea,
    champion boolean NOT NULL DEFAULT false,
    promoted_at timestamptz,
    promoted_by uuid,
    promotion_reason text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, dataset_id) REFERENCES dataset,
    CHECK (NOT champion OR state = 'ready'),
    CHECK ((state = 'ready') = (artefact_key IS NOT NULL AND learned IS NOT NULL))
);
CREATE UNIQUE INDEX model_champion ON model (tenant_id) WHERE champion;
CREATE INDEX model_dataset ON model (tenant_id, dataset_id, id);

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

GRANT SELECT, INSERT, UPDATE ON dataset, model TO valutai_training_app;
