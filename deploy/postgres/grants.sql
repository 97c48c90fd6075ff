-- Run after each `valutai migrate`, by the same user: lets pg_monitor count the events that wait or were lost, without
-- seeing them; and fails where a migration did not finish.
\set ON_ERROR_STOP on
SET ROLE valutai_auth_owner;
GRANT USAGE ON SCHEMA auth TO pg_monitor;
GRANT SELECT (position, created_at) ON auth.outbox TO pg_monitor;
GRANT SELECT ON auth.reconciled, auth.watched TO pg_monitor;
SET ROLE valutai_ingestion_owner;
GRANT USAGE ON SCHEMA ingestion TO pg_monitor;
GRANT SELECT (position, created_at) ON ingestion.outbox TO pg_monitor;
GRANT SELECT ON ingestion.reconciled, ingestion.watched TO pg_monitor;
SET ROLE valutai_training_owner;
GRANT USAGE ON SCHEMA training TO pg_monitor;
GRANT SELECT (position, created_at) ON training.outbox TO pg_monitor;
GRANT SELECT ON training.reconciled, training.watched TO pg_monitor;
SET ROLE valutai_prediction_owner;
GRANT USAGE ON SCHEMA prediction TO pg_monitor;
GRANT SELECT (position, created_at) ON prediction.outbox TO pg_monitor;
GRANT SELECT ON prediction.reconciled, prediction.watched TO pg_monitor;
SET ROLE valutai_reporting_owner;
GRANT USAGE ON SCHEMA reporting TO pg_monitor;
GRANT SELECT (position, created_at) ON reporting.outbox TO pg_monitor;
GRANT SELECT ON reporting.reconciled, reporting.watched TO pg_monitor;
RESET ROLE;
