-- Quotes that an import found stored as they stand in its file: they are its quotes too, and stay
-- when the import that brought them is taken back.
CREATE TABLE confirmed_quote (
    tenant_id uuid NOT NULL,
    import_id uuid NOT NULL,
    quote_id uuid NOT NULL,
    quoted_on date NOT NULL,
    -- Row in the file of this import.
    row int NOT NULL,
    PRIMARY KEY (tenant_id, import_id, quote_id),
    FOREIGN KEY (tenant_id, import_id) REFERENCES import ON DELETE CASCADE
);
CREATE INDEX confirmed_quote_quote ON confirmed_quote (tenant_id, quote_id);

ALTER TABLE confirmed_quote ENABLE ROW LEVEL SECURITY;
ALTER TABLE confirmed_quote FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON confirmed_quote
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT, DELETE ON confirmed_quote TO valutai_ingestion_app;
