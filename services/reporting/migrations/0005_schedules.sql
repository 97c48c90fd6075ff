-- Reports that are generated at the times of a cron expression.
CREATE TABLE report_schedule (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('model', 'win_loss', 'pipeline', 'price', 'track')),
    model_id uuid,
    dataset_id uuid,
    -- Endings of the files that are attached to mail.
    formats text[] NOT NULL,
    -- Ids of users. Where they are written to is known to auth alone.
    recipients uuid[] NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    link_hours integer NOT NULL,
    -- The time that is planned; empty while the schedule rests.
    next_at timestamptz,
    -- From when on a process may take it: that time, or later while one is at it or after one that failed.
    due_at timestamptz,
    CHECK ((next_at IS NULL) = (due_at IS NULL)),
    -- What the process that took it last goes by.
    run_id uuid,
    tries integer NOT NULL DEFAULT 0,
    last_run_at timestamptz,
    last_report_id uuid,
    problem text NOT NULL DEFAULT '',
    mail_note text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX report_schedule_due ON report_schedule (due_at) WHERE due_at IS NOT NULL;

-- Reports on their way to auth, which mails them.
CREATE TABLE report_delivery (
    tenant_id uuid NOT NULL,
    report_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    recipients uuid[] NOT NULL,
    -- The token of the link, sealed by the tenant's data key; emptied when auth has it.
    token bytea,
    link_expires_at timestamptz NOT NULL,
    -- Files with where they lie; removed with the row, two days after it was made.
    files jsonb NOT NULL,
    files_left_out boolean NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    -- When it is handed on, or tried again; empty when that was done.
    due_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, report_id)
);
CREATE INDEX report_delivery_due ON report_delivery (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX report_delivery_age ON report_delivery (created_at);

ALTER TABLE report_schedule ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_schedule FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON report_schedule
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

ALTER TABLE report_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON report_delivery
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- Whoever generates and mails has to know for whom something is due, before a tenant is known.
CREATE POLICY due ON report_schedule FOR SELECT
    USING (current_setting('app.schedules', true) = 'on' AND due_at IS NOT NULL);
CREATE POLICY due ON report_delivery FOR SELECT
    USING (current_setting('app.schedules', true) = 'on');

GRANT SELECT, INSERT, UPDATE, DELETE ON report_schedule, report_delivery TO valutai_reporting_app;
