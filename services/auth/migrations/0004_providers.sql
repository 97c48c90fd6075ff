-- Accounts at identity providers. `provider_account_id` is "ISSUER|SUBJECT", so that a provider whose
-- settings come to name another issuer leads to nobody's account.
ALTER TABLE account
    -- The provider's tokens and what it told, sealed by the key-encryption key: a person belongs to no tenant.
    ADD COLUMN tokens_sealed bytea,
    ADD COLUMN last_used_at timestamptz,
    -- When the tokens are to be refreshed; none where there is nothing to refresh them with.
    ADD COLUMN refresh_at timestamptz;
CREATE UNIQUE INDEX account_of_user ON account (user_id, provider);
CREATE INDEX account_refresh ON account (refresh_at) WHERE refresh_at IS NOT NULL;
GRANT DELETE ON account TO valutai_auth_app;
