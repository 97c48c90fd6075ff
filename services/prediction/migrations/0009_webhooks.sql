-- Where a tenant wants its events sent.
CREATE TABLE webhook (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL CHECK (url <> ''),
    description text NOT NULL,
    -- Full names.
    event_types text[] NOT NULL CHECK (cardinality(event_types) > 0),
    -- Empty for every change that is told.
    minimum_change float8,
    state text NOT NULL CHECK (state IN ('enabled', 'disabled', 'gone', 'failing')),
    -- Sealed by the tenant's data key, as the one before is.
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    -- Empty where the last attempt did not fail.
    failing_since timestamptz,
    -- The endpoint wants no call before this.
    held_until timestamptz,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- An event on its way to an endpoint. Ids of events are in the order of their making, so that the key serves for lists, periods
-- and age.
CREATE TABLE webhook_delivery (
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    -- JSON, as it is signed and sent.
    body text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    -- Attempts since it was last asked for.
    tries integer NOT NULL,
    -- The last of them.
    attempts jsonb NOT NULL,
    -- Put off while an attempt goes on, so that another process takes it when this one has died.
    next_attempt_at timestamptz,
    delivered_at timestamptz,
    CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    PRIMARY KEY (tenant_id, webhook_id, event_id)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (tenant_id, webhook_id, next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;

ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_delivery
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- Whoever sends has to know for whom something is due, before a tenant is known.
CREATE POLICY due ON webhook FOR SELECT
    USING (current_setting('app.webhooks', true) = 'on');
CREATE POLICY due ON webhook_delivery FOR SELECT
    USING (current_setting('app.webhooks', true) = 'on' AND next_attempt_at IS NOT NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_delivery TO valutai_prediction_app;
