-- Organisations' own KMS keys, and work on data keys that takes a while.

CREATE TABLE kms_connections (
    id BYTEA NOT NULL PRIMARY KEY,
    organisation_id BYTEA NOT NULL REFERENCES organisations (id),
    provider TEXT NOT NULL,
    key_id TEXT NOT NULL,
    settings BYTEA NOT NULL,
    state TEXT NOT NULL,
    verified_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX kms_connections_of_organisation ON kms_connections (organisation_id, created_at);
-- One connection wraps at a time.
CREATE UNIQUE INDEX kms_connections_active ON kms_connections (organisation_id)
    WHERE state = 'active';

-- A connection that wraps a data key cannot go.
ALTER TABLE data_keys ADD COLUMN connection_id BYTEA REFERENCES kms_connections (id);
ALTER TABLE data_keys ADD COLUMN retired_at BIGINT;
CREATE INDEX data_keys_of_connection ON data_keys (connection_id);

-- `scope` is the organisation, or sixteen zeros for the instance.
CREATE TABLE vault_work (
    scope BYTEA NOT NULL,
    kind TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    error TEXT,
    holder BYTEA,
    held_until BIGINT,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (scope, kind)
);

-- By the data key in the envelope's header: what is sealed under one is found and counted.
CREATE INDEX log_bodies_by_data_key ON log_bodies (organisation_id, substr(sealed, 6, 16));
