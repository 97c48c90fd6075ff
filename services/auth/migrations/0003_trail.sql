-- The audit trail by month, chained by a key of its own: the key-encryption key is rotated, and what it
-- chained could not be verified once it is gone. What was chained by it stays as it is.
ALTER TABLE audit_entry RENAME TO audit_entry_0001;
ALTER INDEX audit_entry_pkey RENAME TO audit_entry_0001_pkey;
CREATE TABLE audit_entry (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    -- When it was chained.
    recorded_at timestamptz NOT NULL,
    -- From here to the content: what the content says, to find entries by.
    occurred_at timestamptz NOT NULL,
    user_id uuid,
    action text COLLATE "C" NOT NULL,
    entity_id text NOT NULL,
    outcome smallint NOT NULL,
    -- The event as it was published.
    content bytea NOT NULL,
    key_id bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX audit_entry_user ON audit_entry (tenant_id, user_id, sequence);
CREATE INDEX audit_entry_action ON audit_entry (tenant_id, action, sequence);
CREATE INDEX audit_entry_entity ON audit_entry (tenant_id, entity_id, sequence);
-- A net: what no month was made for in time.
CREATE TABLE audit_entry_default PARTITION OF audit_entry DEFAULT;

-- How long the trail is, sealed by its key, so that entries cannot be cut off at its end.
CREATE TABLE audit_head (
    tenant_id uuid PRIMARY KEY,
    entries bigint NOT NULL,
    hash bytea NOT NULL,
    key_id bytea NOT NULL,
    seal bytea NOT NULL
);

-- Makes the partitions of some months, from one on, where missing.
CREATE FUNCTION ensure_audit_partitions(from_month date, months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = auth, pg_temp
SET timezone = 'UTC'
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
    PERFORM pg_advisory_xact_lock(hashtext('valutai.partitions'), hashtext('audit_entry'));
    FOR i IN 0 .. months - 1 LOOP
        this_month := (first_month + make_interval(months => i))::date;
        partition_name := 'audit_entry_' || to_char(this_month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('auth.' || partition_name) IS NOT NULL;
        BEGIN
            EXECUTE format(
                'CREATE TABLE auth.%I PARTITION OF auth.audit_entry FOR VALUES FROM (%L) TO (%L)',
                partition_name,
                to_char(this_month, 'YYYY-MM-DD') || ' 00:00:00+00',
                to_char(this_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
            );
        EXCEPTION WHEN check_violation THEN
            -- The net holds rows of this month already, where they are found as well.
            RAISE WARNING 'entries of % stay in the default partition', partition_name;
        END;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION ensure_audit_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_audit_partitions(date, integer) TO valutai_auth_app;

-- Nobody changes an entry, not even the owner of the table; only a whole trail goes, with its organisation.
CREATE FUNCTION keep_audit_entries() RETURNS trigger
LANGUAGE plpgsql SET search_path = auth, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.tenant_id::text = current_setting('app.erasing', true) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is only appended to' USING ERRCODE = 'insufficient_privilege';
END
$$;
REVOKE ALL ON FUNCTION keep_audit_entries() FROM PUBLIC;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION keep_audit_entries();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_entries();

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_entry
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
ALTER TABLE audit_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_head FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_head
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- Append only.
GRANT SELECT, INSERT ON audit_entry TO valutai_auth_app;
REVOKE INSERT ON audit_entry_0001 FROM valutai_auth_app;
GRANT SELECT, INSERT, UPDATE ON audit_head TO valutai_auth_app;

-- Whoever rotates keys looks for the data keys that another key than the present one has wrapped.
CREATE POLICY wrapped_by_others ON tenant_key FOR SELECT
    USING (substring(wrapped_key FROM 2 FOR 8)
        <> decode(nullif(current_setting('app.current_key', true), ''), 'hex'));
GRANT UPDATE (wrapped_key) ON tenant_key TO valutai_auth_app;
GRANT UPDATE (sealed) ON verification TO valutai_auth_app;
