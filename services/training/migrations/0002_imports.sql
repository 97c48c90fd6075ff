-- Datasets change with every import and every undone one: the newest news of one counts, and one may
-- become empty. Models know which imports they learned from.
ALTER TABLE dataset
    DROP CONSTRAINT dataset_check,
    ADD CONSTRAINT dataset_snapshot_check CHECK (deleted_at IS NULL OR snapshot_key IS NULL),
    ADD COLUMN import_ids uuid[] NOT NULL DEFAULT '{}',
    -- The event that told it; ids of events are in the order of their making.
    ADD COLUMN told_by uuid;
COMMENT ON COLUMN dataset.snapshot_key IS 'empty where the dataset is gone or holds nothing to learn from';

ALTER TABLE model
    ADD COLUMN import_ids uuid[] NOT NULL DEFAULT '{}',
    -- When the first of these imports was taken back.
    ADD COLUMN stale_at timestamptz,
    ADD COLUMN history_key text,
    ADD COLUMN history_size_bytes bigint,
    ADD COLUMN history_sha256 bytea;

-- Imports that were taken back, for trainings that were on their way meanwhile.
CREATE TABLE undone_import (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    undone_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
ALTER TABLE undone_import ENABLE ROW LEVEL SECURITY;
ALTER TABLE undone_import FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON undone_import
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON undone_import TO valutai_training_app;
