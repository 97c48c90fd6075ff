-- How long predictions of a tenant are kept; for good where nothing is set.
CREATE TABLE ledger_setting (
    tenant_id uuid NOT NULL,
    -- Empty for good.
    retention_days integer CHECK (retention_days BETWEEN 30 AND 36500),
    updated_at timestamptz NOT NULL,
    updated_by uuid NOT NULL,
    PRIMARY KEY (tenant_id)
);
ALTER TABLE ledger_setting ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_setting FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ledger_setting
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Whoever removes what is too old has to know of whom, before a tenant is known.
CREATE POLICY retention ON ledger_setting FOR SELECT
    USING (current_setting('app.retention', true) = 'on');
GRANT SELECT, INSERT, UPDATE ON ledger_setting TO valutai_prediction_app;

-- Shadow answers by month, as the predictions that they belong to.
ALTER TABLE shadow_answer NO FORCE ROW LEVEL SECURITY;
ALTER TABLE shadow_answer RENAME TO shadow_answer_before;
ALTER INDEX shadow_answer_pkey RENAME TO shadow_answer_before_pkey;
CREATE TABLE shadow_answer (
    tenant_id uuid NOT NULL,
    prediction_id uuid NOT NULL,
    -- When the champion answered.
    created_at timestamptz NOT NULL,
    model_id uuid NOT NULL,
    win_probability float8 NOT NULL,
    shadow_model_id uuid NOT NULL,
    shadow_win_probability float8 NOT NULL,
    PRIMARY KEY (tenant_id, shadow_model_id, model_id, prediction_id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE shadow_answer_default PARTITION OF shadow_answer DEFAULT;

-- As before, now for both tables.
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
    FOREACH parent IN ARRAY ARRAY['prediction', 'shadow_answer'] LOOP
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

DO $$
DECLARE
    first_month date := (SELECT date_trunc('month', min(created_at) AT TIME ZONE 'UTC')::date FROM shadow_answer_before);
BEGIN
    IF first_month IS NOT NULL THEN
        PERFORM prediction.ensure_prediction_partitions(
            greatest(first_month, (now() - interval '30 months')::date), 36);
    END IF;
END
$$;
INSERT INTO shadow_answer (tenant_id, prediction_id, created_at, model_id, win_probability, shadow_model_id,
    shadow_win_probability)
SELECT tenant_id, prediction_id, created_at, model_id, win_probability, shadow_model_id, shadow_win_probability
FROM shadow_answer_before;
DROP TABLE shadow_answer_before;
ALTER TABLE shadow_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE shadow_answer FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON shadow_answer
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT ON shadow_answer TO valutai_prediction_app;

-- Removes some of the tenant's oldest predictions and shadow answers from before a time, and tells how many. The service
-- itself may only add; this runs as the owner of the tables, who is bound by the same policies.
CREATE FUNCTION expire_predictions(made_before timestamptz, at_most integer) RETURNS bigint
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
    DELETE FROM shadow_answer
    WHERE (tenant_id, shadow_model_id, model_id, prediction_id, created_at) IN (
        SELECT tenant_id, shadow_model_id, model_id, prediction_id, created_at FROM shadow_answer
        WHERE created_at < made_before LIMIT at_most);
    GET DIAGNOSTICS shadows = ROW_COUNT;
    RETURN greatest(gone, shadows);
END
$$;
REVOKE ALL ON FUNCTION expire_predictions(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expire_predictions(timestamptz, integer) TO valutai_prediction_app;

-- Drops a month of which nobody has anything left, and tells whether there was one. One table at a time, since who reads both
-- tables would otherwise wait for one and hold up the other. Partitions have no policies, so that their owner sees whether
-- they are empty.
CREATE FUNCTION drop_empty_prediction_partition(before_month date) RETURNS boolean
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
        WHERE i.inhparent IN ('prediction.prediction'::regclass, 'prediction.shadow_answer'::regclass)
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
REVOKE ALL ON FUNCTION drop_empty_prediction_partition(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_empty_prediction_partition(date) TO valutai_prediction_app;
