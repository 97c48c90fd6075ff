-- Reports about datasets as well as about models.
ALTER TABLE report
    ADD COLUMN kind text NOT NULL DEFAULT 'model' CHECK (kind IN ('model', 'win_loss')),
    ADD COLUMN dataset_id uuid,
    ALTER COLUMN model_id DROP NOT NULL,
    ADD CONSTRAINT report_about_one CHECK ((model_id IS NULL) <> (dataset_id IS NULL));
CREATE INDEX report_dataset ON report (tenant_id, dataset_id, id) WHERE dataset_id IS NOT NULL;
