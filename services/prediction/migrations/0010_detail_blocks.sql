-- Details of predictions are long and alike: those that are written together share a compressed block, so that the insert of
-- a prediction takes two fifths of the time that it took with a detail of its own, and half the disk. What was kept before stays
-- where it is.
CREATE TABLE prediction_block (
    tenant_id uuid NOT NULL,
    -- The largest id of its predictions, and the time in it.
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    -- Zstandard, compressed already.
    body bytea NOT NULL,
    PRIMARY KEY (tenant_id, id, created_at)
) PARTITION BY RANGE (created_at);
ALTER TABLE prediction_block ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE prediction_block_default PARTITION OF prediction_block DEFAULT;
ALTER TABLE prediction_block ENABLE ROW LEVEL SECURITY;
ALTER TABLE prediction_block FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON prediction_block
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT ON prediction_block TO valutai_prediction_app;

-- Either the detail is here, or the block and the place in it. What is there already has its detail, and is not read for it.
ALTER TABLE prediction
    ALTER COLUMN detail DROP NOT NULL,
    ADD COLUMN block_id uuid,
    ADD COLUMN place smallint,
    ADD CONSTRAINT prediction_has_detail CHECK (
        num_nonnulls(block_id, place) = CASE WHEN detail IS NULL THEN 2 ELSE 0 END) NOT VALID;

-- As before, now for all three tables.
CREATE OR REPLACE FUNCTION ensure_prediction_partitions(from_month date, months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = prediction, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '5s'
AS $$
DECLARE
    first_month date := date_trunc('month', from_month::timestamp)::date;
    this_month date;
    parent text;
    partition_name text;
BEGIN
    IF months NOT BETWEEN 1 AND 36
        OR first_month NOT BETWEEN date '2020-01-01' AND date '2120-01-01' THEN
        RAISE EXCEPTION 'ask for 1 to 36 months between 2020 and 2120'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('valutai.partitions'), hashtext('prediction'));
    FOREACH parent IN ARRAY ARRAY['prediction', 'prediction_block', 'shadow_answer'] LOOP
        FOR i IN 0 .. months - 1 LOOP
            this_month := (first_month + make_interval(months => i))::date;
            partition_name := parent || '_' || to_char(this_month, 'YYYY_MM');
            CONTINUE WHEN to_regclass('prediction.' || partition_name) IS NOT NULL;
            BEGIN
                EXECUTE format(
                    'CREATE TABLE prediction.%I PARTITION OF prediction.%I FOR VALUES FROM (%L) TO (%L)',
                    partition_name,
                    parent,
                    to_char(this_month, 'YYYY-MM-DD') || ' 00:00:00+00',
                    to_char(this_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
                );
            EXCEPTION WHEN check_violation THEN
                RAISE WARNING '% of % stays in the default partition', parent, partition_name;
            END;
        END LOOP;
    END LOOP;
END
$$;

-- As before, and the blocks that are older than all predictions that are left: those of a block are at most as old as it is.
CREATE OR REPLACE FUNCTION expire_predictions(made_before timestamptz, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = prediction, pg_temp
AS $$
DECLARE
    gone bigint;
    shadows bigint;
BEGIN
    IF nullif(current_setting('app.tenant_id', true), '') IS NULL THEN
        RAISE EXCEPTION 'no tenant is set';
    END IF;
    IF made_before > now() - interval '29 days' THEN
        RAISE EXCEPTION 'predictions are kept for 30 days at least' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM prediction WHERE (tenant_id, id, created_at) IN (
        SELECT tenant_id, id, created_at FROM prediction
        WHERE created_at < made_before ORDER BY id LIMIT at_most);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM prediction_block WHERE created_at < least(made_before,
        (SELECT created_at FROM prediction ORDER BY id LIMIT 1));
    DELETE FROM shadow_answer
    WHERE (tenant_id, shadow_model_id, model_id, prediction_id, created_at) IN (
        SELECT tenant_id, shadow_model_id, model_id, prediction_id, created_at FROM shadow_answer
        WHERE created_at < made_before LIMIT at_most);
    GET DIAGNOSTICS shadows = ROW_COUNT;
    RETURN greatest(gone, shadows);
END
$$;

-- As before, now for all three tables.
CREATE OR REPLACE FUNCTION drop_empty_prediction_partition(before_month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = prediction, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '5s'
AS $$
DECLARE
    first_kept text := to_char(least(before_month, (now() - interval '1 month')::date), 'YYYY_MM');
    part text;
    is_empty boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('valutai.partitions'), hashtext('prediction'));
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('prediction.prediction'::regclass, 'prediction.prediction_block'::regclass,
                'prediction.shadow_answer'::regclass)
            AND c.relname ~ '_[0-9]{4}_[0-9]{2}$' AND right(c.relname, 7) < first_kept
        ORDER BY 1
    LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT 1 FROM prediction.%I)', part) INTO is_empty;
        IF is_empty THEN
            EXECUTE format('DROP TABLE prediction.%I', part);
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
