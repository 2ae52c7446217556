-- A call's content is one sealed value. What was sealed in parts cannot be joined without the vault;
-- no release has written any.
DROP TABLE log_bodies;
CREATE TABLE log_contents (
    log_id BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    organisation_id BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (log_id, created_at)
) PARTITION BY RANGE (created_at);

-- By the data key in the envelope's header: what is sealed under one is found and counted.
CREATE INDEX log_contents_by_data_key ON log_contents (organisation_id, substr(sealed, 6, 16));

-- Who signs tokens that serve as API keys of an organisation. `keys` is what its URL answered last.
-- Nothing has been written to its first form.
DROP TABLE token_issuers;
CREATE TABLE token_issuers (
    organisation_id BYTEA NOT NULL PRIMARY KEY REFERENCES organisations (id),
    jwks_url TEXT,
    keys TEXT NOT NULL,
    issuer TEXT,
    audience TEXT,
    scopes TEXT NOT NULL,
    fetch_error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- From when on a data key was known to seal nothing any more.
ALTER TABLE data_keys ADD COLUMN emptied_at BIGINT;
UPDATE data_keys SET emptied_at = retired_at WHERE state = 'empty';
