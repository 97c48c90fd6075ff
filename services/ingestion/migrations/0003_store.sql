-- The outcome as a word: an empty `won` is no equality to an index, so it leads to no order.
ALTER TABLE quote ADD COLUMN outcome text COLLATE "C" NOT NULL GENERATED ALWAYS AS
    (CASE WHEN won THEN 'won' WHEN NOT won THEN 'lost' ELSE 'open' END) STORED;

-- An index for each column that is compared with a value, in each order of a list. By date the
-- primary key serves alone. By row, customers and products have none: their quotes are sorted.
DROP INDEX quote_date;
-- Before Postgres knows the quotes it takes this one for the way to a single quote. What an import
-- brought is rarely asked for, and then the whole dataset is read anyhow.
DROP INDEX quote_import;
DROP INDEX quote_outcome;
CREATE INDEX quote_outcome_date ON quote (tenant_id, dataset_id, outcome, quoted_on, id) WHERE is_current;
CREATE INDEX quote_outcome_price ON quote (tenant_id, dataset_id, outcome, price_minor, id) WHERE is_current;
CREATE INDEX quote_outcome_row ON quote (tenant_id, dataset_id, outcome, row, id) WHERE is_current;
CREATE INDEX quote_customer_price ON quote (tenant_id, dataset_id, customer, price_minor, id) WHERE is_current;
CREATE INDEX quote_product_price ON quote (tenant_id, dataset_id, product, price_minor, id) WHERE is_current;

-- Two partitions for all other years instead of a default one: while a default one is there, making
-- a year's partition waits for every import and every list that is going on, and they for it.
ALTER TABLE quote DETACH PARTITION quote_other;
CREATE TABLE quote_before PARTITION OF quote FOR VALUES FROM (MINVALUE) TO ('1990-01-01');
CREATE TABLE quote_after PARTITION OF quote FOR VALUES FROM ('2101-01-01') TO (MAXVALUE);
-- Into the partitions themselves, which have no policies.
DO $$
DECLARE
    written text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = 'quote'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '');
BEGIN
    EXECUTE format($sql$INSERT INTO quote_before (%1$s) SELECT %1$s FROM quote_other
        WHERE quoted_on < '1990-01-01'$sql$, written);
    EXECUTE format($sql$INSERT INTO quote_after (%1$s) SELECT %1$s FROM quote_other
        WHERE quoted_on >= '2101-01-01'$sql$, written);
END
$$;
DROP TABLE quote_other;

-- A dataset belongs to one tenant. Postgres would multiply the two shares otherwise, and take a large
-- dataset among many for a few rows.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'quote'::regclass LOOP
        EXECUTE format('CREATE STATISTICS %I (dependencies) ON tenant_id, dataset_id FROM %s',
            replace(part::text, 'ingestion.', '') || '_tenant', part);
    END LOOP;
END
$$;

-- Makes the partitions of some years where missing. Runs as the schema's owner, because the service
-- may not change tables; it can do nothing but this. A table that is attached, other than one that
-- is made as a partition, lets everybody go on who reads and writes quotes.
CREATE OR REPLACE FUNCTION ensure_quote_partitions(first_year int, last_year int) RETURNS void
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
        -- Somebody else may have made it while this waited.
        CONTINUE WHEN to_regclass('ingestion.' || part_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE ingestion.%I (LIKE ingestion.quote INCLUDING DEFAULTS INCLUDING GENERATED)', part_name);
        EXECUTE format(
            'ALTER TABLE ingestion.quote ATTACH PARTITION ingestion.%I FOR VALUES FROM (%L) TO (%L)',
            part_name, make_date(part_year, 1, 1), make_date(part_year + 1, 1, 1)
        );
        EXECUTE format('CREATE STATISTICS ingestion.%I (dependencies) ON tenant_id, dataset_id FROM ingestion.%I',
            part_name || '_tenant', part_name);
    END LOOP;
END
$$;

-- Describes these years to the planner where so many new rows make a difference; the server would do
-- so by itself, a minute or more later. As the owner, because the service may not.
CREATE FUNCTION analyze_quotes(first_year int, last_year int, new_rows bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ingestion, pg_temp AS $$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        SELECT c.oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'ingestion.quote'::regclass AND c.reltuples < new_rows * 20
            AND c.relname ~ '^quote_[0-9]+$'
            AND substr(c.relname, 7)::int BETWEEN first_year AND last_year
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s (tenant_id, dataset_id, quoted_on, id, row, outcome,
            price_minor, quote_ref, customer, product, is_current)', part);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION analyze_quotes(int, int, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_quotes(int, int, bigint) TO valutai_ingestion_app;
