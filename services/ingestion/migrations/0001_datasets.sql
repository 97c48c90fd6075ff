-- Quote histories. Counts are 0 until the quotes are stored.
CREATE TABLE dataset (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('importing', 'ready', 'failed')),
    row_count bigint NOT NULL DEFAULT 0,
    won_count bigint NOT NULL DEFAULT 0,
    lost_count bigint NOT NULL DEFAULT 0,
    -- Every column with its meaning and profile, as the upload was answered.
    columns jsonb NOT NULL,
    -- What every column stands for, so that the file can be read again alike.
    mapping jsonb NOT NULL,
    upload_key text NOT NULL,
    upload_size_bytes bigint NOT NULL,
    upload_sha256 bytea NOT NULL,
    snapshot_key text,
    snapshot_size_bytes bigint,
    snapshot_sha256 bytea,
    problem text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (state <> 'ready' OR snapshot_key IS NOT NULL),
    CHECK ((state = 'failed') = (problem <> ''))
);

-- The quotes, by year of their date. Typed columns are what is filtered and sorted by: operators of
-- JSONB are not leakproof, so under row level security they never use an index.
CREATE TABLE quote (
    tenant_id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    quoted_on date NOT NULL,
    id uuid NOT NULL,
    row int NOT NULL,
    won boolean NOT NULL,
    price_minor bigint NOT NULL,
    quote_ref text,
    -- The cells as they stood, by header.
    raw jsonb NOT NULL,
    -- The cells as they were read, by header; missing values are left out.
    derived jsonb NOT NULL,
    PRIMARY KEY (tenant_id, dataset_id, quoted_on, id),
    FOREIGN KEY (tenant_id, dataset_id) REFERENCES dataset
) PARTITION BY RANGE (quoted_on);
CREATE INDEX quote_row ON quote (tenant_id, dataset_id, row);
-- Only for years that never get a partition of their own: a partition cannot be made for rows that
-- are in here already.
CREATE TABLE quote_other PARTITION OF quote DEFAULT;

ALTER TABLE dataset ENABLE ROW LEVEL SECURITY;
ALTER TABLE dataset FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dataset
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE quote ENABLE ROW LEVEL SECURITY;
ALTER TABLE quote FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quote
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- Makes the partitions of some years where missing. Runs as the schema's owner, because the service
-- may not change tables; it can do nothing but this.
CREATE FUNCTION ensure_quote_partitions(first_year int, last_year int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ingestion, pg_temp AS $$
DECLARE
    part_year int;
    part_name text;
BEGIN
    IF first_year IS NULL OR last_year IS NULL
        OR first_year < 1990 OR last_year > 2100 OR first_year > last_year THEN
        RAISE EXCEPTION 'quote partitions are made for years from 1990 to 2100, not for % to %',
            first_year, last_year;
    END IF;
    FOR part_year IN first_year..last_year LOOP
        part_name := 'quote_' || part_year;
        CONTINUE WHEN to_regclass('ingestion.' || part_name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtext('valutai.partitions'), hashtext('ingestion.quote'));
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS ingestion.%I PARTITION OF ingestion.quote FOR VALUES FROM (%L) TO (%L)',
            part_name, make_date(part_year, 1, 1), make_date(part_year + 1, 1, 1)
        );
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION ensure_quote_partitions(int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_quote_partitions(int, int) TO valutai_ingestion_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON dataset TO valutai_ingestion_app;
GRANT SELECT, INSERT, DELETE ON quote TO valutai_ingestion_app;
