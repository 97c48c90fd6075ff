-- Models that can answer, as training tells of them. The champion is the one promoted last; an
-- earlier one loses its time, unless the news of it arrived late.
CREATE TABLE model (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    artefact_key text NOT NULL,
    artefact_size_bytes bigint NOT NULL,
    artefact_sha256 bytea NOT NULL,
    -- A valutai.training.v1.InputSchema.
    input_schema bytea NOT NULL,
    champion_since timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX model_champion ON model (tenant_id, champion_since DESC)
    WHERE champion_since IS NOT NULL;

-- Every prediction that was made. created_at is the millisecond inside the id, so that an id alone
-- leads to one partition; the key serves look-ups by id and lists by time alike.
CREATE TABLE prediction (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    model_id uuid NOT NULL,
    quote_ref text NOT NULL,
    win_probability float8 NOT NULL,
    low float8 NOT NULL,
    high float8 NOT NULL,
    evidence text NOT NULL CHECK (evidence IN ('indicative', 'usable', 'solid')),
    input jsonb NOT NULL,
    input_hash bytea NOT NULL,
    -- A valutai.prediction.v1.Prediction.
    detail bytea NOT NULL,
    created_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, id, created_at),
    FOREIGN KEY (tenant_id, model_id) REFERENCES model
) PARTITION BY RANGE (created_at);
CREATE INDEX prediction_model ON prediction (tenant_id, model_id, id);
-- A net: what no month was made for in time.
CREATE TABLE prediction_default PARTITION OF prediction DEFAULT;

-- Makes the partitions of some months, from one on, where missing. The service may call it but not
-- make tables itself.
CREATE FUNCTION ensure_prediction_partitions(from_month date, months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = prediction, pg_temp
SET timezone = 'UTC'
-- A new partition locks the table; rather none than a queue behind it.
SET lock_timeout = '5s'
AS $$
DECLARE
    first_month date := date_trunc('month', from_month::timestamp)::date;
    this_month date;
    partition_name text;
BEGIN
    IF months NOT BETWEEN 1 AND 36
        OR first_month NOT BETWEEN date '2020-01-01' AND date '2120-01-01' THEN
        RAISE EXCEPTION 'ask for 1 to 36 months between 2020 and 2120'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('valutai.partitions'), hashtext('prediction'));
    FOR i IN 0 .. months - 1 LOOP
        this_month := (first_month + make_interval(months => i))::date;
        partition_name := 'prediction_' || to_char(this_month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('prediction.' || partition_name) IS NOT NULL;
        BEGIN
            EXECUTE format(
                'CREATE TABLE prediction.%I PARTITION OF prediction.prediction FOR VALUES FROM (%L) TO (%L)',
                partition_name,
                to_char(this_month, 'YYYY-MM-DD') || ' 00:00:00+00',
                to_char(this_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
            );
        EXCEPTION WHEN check_violation THEN
            -- The net holds rows of this month already, where they are found as well.
            RAISE WARNING 'predictions of % stay in the default partition', partition_name;
        END;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION ensure_prediction_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_prediction_partitions(date, integer) TO valutai_prediction_app;

ALTER TABLE model ENABLE ROW LEVEL SECURITY;
ALTER TABLE model FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON model
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE prediction ENABLE ROW LEVEL SECURITY;
ALTER TABLE prediction FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON prediction
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON model TO valutai_prediction_app;
-- On the whole only: a partition is reached through it and its policy.
GRANT SELECT, INSERT ON prediction TO valutai_prediction_app;
