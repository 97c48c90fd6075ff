-- Events that wait for the relay. Kept free of tenant columns: it is the relay's, not a tenant's.
CREATE TABLE IF NOT EXISTS outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    stream text NOT NULL,
    subject text NOT NULL,
    headers text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
-- Events of one kind and tenant, committed together, share a row; then the body holds all of them.
ALTER TABLE outbox ADD COLUMN IF NOT EXISTS events integer NOT NULL DEFAULT 1;
-- A body is there for a moment; shortening it takes longer than writing it.
ALTER TABLE outbox ALTER COLUMN body SET STORAGE EXTERNAL;
-- Events that a consumer has handled.
CREATE TABLE IF NOT EXISTS inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX IF NOT EXISTS inbox_handled_at ON inbox (handled_at);
-- Events that a consumer has given up: they were moved to the dead letters, and are not lost.
CREATE TABLE IF NOT EXISTS buried (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    buried_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
-- How far each consumer that claims its events was compared with the inbox, and what neither was handled nor buried.
CREATE TABLE IF NOT EXISTS reconciled (
    consumer text PRIMARY KEY,
    position bigint NOT NULL,
    missing bigint[] NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now()
);
-- What the service sees and no trace tells, for whoever asks Postgres for metrics.
CREATE TABLE IF NOT EXISTS watched (
    name text PRIMARY KEY,
    number bigint NOT NULL,
    since timestamptz,
    seen_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, DELETE ON outbox, inbox, buried TO {app};
GRANT SELECT, INSERT, UPDATE ON reconciled, watched TO {app};

-- Deletes every row of the tenant that the transaction is for, whatever has a tenant_id: also what the
-- service itself may only append to. Runs as the owner of the tables, who is bound by the same policies.
CREATE OR REPLACE FUNCTION erase_tenant() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    waiting text[];
    refused text[];
    name text;
BEGIN
    IF tenant IS NULL THEN
        RAISE EXCEPTION 'no tenant is set';
    END IF;
    -- Lets tables that are only appended to go with their tenant.
    PERFORM set_config('app.erasing', tenant::text, true);
    SELECT coalesce(array_agg(c.relname::text), '{}') INTO waiting
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE n.nspname = '{schema}' AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
    -- What others refer to goes once they are gone.
    WHILE cardinality(waiting) > 0 LOOP
        refused := '{}';
        FOREACH name IN ARRAY waiting LOOP
            BEGIN
                EXECUTE format('DELETE FROM %I WHERE tenant_id = $1', name) USING tenant;
            EXCEPTION WHEN foreign_key_violation THEN
                refused := refused || name;
            END;
        END LOOP;
        IF cardinality(refused) = cardinality(waiting) THEN
            RAISE EXCEPTION 'these tables refer to each other in a circle: %', refused;
        END IF;
        waiting := refused;
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION erase_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_tenant() TO {app};
