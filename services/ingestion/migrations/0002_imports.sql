-- Files that were imported, each undone or replaced on its own; quotes that supersede each other.
CREATE TABLE import (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    file_name text NOT NULL,
    state text NOT NULL CHECK (state IN ('importing', 'done', 'failed', 'undoing', 'undone')),
    -- What every column stands for and how it is read, so that the file can be read again alike.
    reading jsonb NOT NULL,
    upload_key text NOT NULL,
    upload_size_bytes bigint NOT NULL,
    upload_sha256 bytea NOT NULL,
    created_count bigint NOT NULL DEFAULT 0,
    updated_count bigint NOT NULL DEFAULT 0,
    unchanged_count bigint NOT NULL DEFAULT 0,
    refused_count bigint NOT NULL DEFAULT 0,
    skipped_count bigint NOT NULL DEFAULT 0,
    rows_done bigint NOT NULL DEFAULT 0,
    rows_total bigint NOT NULL DEFAULT 0,
    problem text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    undone_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, dataset_id) REFERENCES dataset ON DELETE CASCADE
);
CREATE INDEX import_dataset ON import (tenant_id, dataset_id, id);
CREATE INDEX import_file ON import (tenant_id, upload_sha256);

-- Datasets of before had one import each.
INSERT INTO import (tenant_id, id, dataset_id, file_name, state, reading, upload_key,
    upload_size_bytes, upload_sha256, created_count, rows_done, rows_total, problem, created_at, created_by)
SELECT tenant_id, id, id, name,
    CASE state WHEN 'ready' THEN 'done' ELSE state END,
    jsonb_build_object('fields', mapping), upload_key, upload_size_bytes, upload_sha256,
    row_count, row_count, row_count, problem, created_at, created_by
FROM dataset;

ALTER TABLE dataset
    DROP CONSTRAINT dataset_state_check,
    DROP CONSTRAINT dataset_check,
    ADD CONSTRAINT dataset_state_check CHECK (state IN ('importing', 'ready', 'failed', 'empty')),
    ADD CONSTRAINT dataset_snapshot_check CHECK (state <> 'ready' OR snapshot_key IS NOT NULL),
    ADD COLUMN open_count bigint NOT NULL DEFAULT 0,
    DROP COLUMN mapping,
    DROP COLUMN upload_key,
    DROP COLUMN upload_size_bytes,
    DROP COLUMN upload_sha256;

-- Typed columns are what is filtered and sorted by. Text in C collation, so that a prefix is a range.
ALTER TABLE quote
    ALTER COLUMN won DROP NOT NULL,
    ALTER COLUMN quote_ref TYPE text COLLATE "C",
    ADD COLUMN import_id uuid,
    ADD COLUMN revision bigint,
    ADD COLUMN currency text,
    ADD COLUMN cost_minor bigint,
    ADD COLUMN list_price_minor bigint,
    ADD COLUMN customer text COLLATE "C",
    ADD COLUMN product text COLLATE "C",
    ADD COLUMN region text COLLATE "C",
    ADD COLUMN owner text COLLATE "C",
    ADD COLUMN segment text COLLATE "C",
    ADD COLUMN valid_until date,
    -- Group of alternatives that share one decision.
    ADD COLUMN tender text COLLATE "C",
    -- Tells whether a later file says the same of the quote.
    ADD COLUMN fingerprint bytea,
    -- The personal columns, a JSON object under the tenant's key.
    ADD COLUMN personal bytea,
    -- Whether it counts: of the rows with one identifier, the one of the highest revision, and of
    -- those the one of the latest import.
    ADD COLUMN is_current boolean NOT NULL DEFAULT true;
UPDATE quote SET import_id = dataset_id;
ALTER TABLE quote ALTER COLUMN import_id SET NOT NULL;
COMMENT ON COLUMN quote.won IS 'empty where the quote is open';

DROP INDEX quote_row;
CREATE INDEX quote_row ON quote (tenant_id, dataset_id, row, id) WHERE is_current;
CREATE INDEX quote_date ON quote (tenant_id, dataset_id, quoted_on, id) WHERE is_current;
CREATE INDEX quote_price ON quote (tenant_id, dataset_id, price_minor, id) WHERE is_current;
CREATE INDEX quote_outcome ON quote (tenant_id, dataset_id, won, quoted_on, id) WHERE is_current;
CREATE INDEX quote_customer ON quote (tenant_id, dataset_id, customer, quoted_on, id) WHERE is_current;
CREATE INDEX quote_product ON quote (tenant_id, dataset_id, product, quoted_on, id) WHERE is_current;
CREATE INDEX quote_ref ON quote (tenant_id, dataset_id, quote_ref) WHERE quote_ref IS NOT NULL;
CREATE INDEX quote_import ON quote (tenant_id, dataset_id, import_id);

-- Rows that were left aside with the caller's consent; cells and problems are encrypted.
CREATE TABLE quarantined_row (
    tenant_id uuid NOT NULL,
    import_id uuid NOT NULL,
    row int NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, import_id, row),
    FOREIGN KEY (tenant_id, import_id) REFERENCES import ON DELETE CASCADE
);

-- What columns stood for in the last import of a file with the same header.
CREATE TABLE remembered_mapping (
    tenant_id uuid NOT NULL,
    fingerprint text NOT NULL,
    reading jsonb NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, fingerprint)
);

ALTER TABLE import ENABLE ROW LEVEL SECURITY;
ALTER TABLE import FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON import
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE quarantined_row ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantined_row FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quarantined_row
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE remembered_mapping ENABLE ROW LEVEL SECURITY;
ALTER TABLE remembered_mapping FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON remembered_mapping
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON import, quarantined_row, remembered_mapping TO valutai_ingestion_app;
GRANT UPDATE ON quote TO valutai_ingestion_app;
