-- What the derived features of a model are computed from, and whether it should still be trusted.
ALTER TABLE model
    ADD COLUMN history_key text,
    ADD COLUMN history_size_bytes bigint,
    ADD COLUMN history_sha256 bytea,
    ADD COLUMN stale_reason text NOT NULL DEFAULT '',
    ADD CONSTRAINT model_history_check CHECK ((history_key IS NULL) = (history_sha256 IS NULL)
        AND (history_key IS NULL) = (history_size_bytes IS NULL));
