-- People, their places and sessions, and what organisations say of them.

ALTER TABLE organisations ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE organisations ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE organisations SET updated_at = created_at;

ALTER TABLE workspaces ADD COLUMN defaults TEXT NOT NULL DEFAULT '{}';

ALTER TABLE environments ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE environments ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE environments SET
    created_at = (SELECT created_at FROM workspaces WHERE id = workspace_id),
    updated_at = (SELECT created_at FROM workspaces WHERE id = workspace_id);

ALTER TABLE users ADD COLUMN first_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE users SET first_name = name, updated_at = created_at;
ALTER TABLE users DROP COLUMN name;

ALTER TABLE memberships ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE memberships SET
    created_at = (SELECT created_at FROM users WHERE id = user_id),
    updated_at = (SELECT created_at FROM users WHERE id = user_id);

ALTER TABLE workspace_memberships ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE workspace_memberships ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE workspace_memberships SET
    created_at = (SELECT created_at FROM users WHERE id = user_id),
    updated_at = (SELECT created_at FROM users WHERE id = user_id);

ALTER TABLE api_keys ADD COLUMN allowed_addresses TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN made_by TEXT NOT NULL DEFAULT 'api';

-- A keyed digest of the credential, by which it is recognised without being known.
ALTER TABLE integrations ADD COLUMN key_fingerprint TEXT NOT NULL DEFAULT '';

CREATE TABLE invites (
    id BYTEA NOT NULL PRIMARY KEY,
    organisation_id BYTEA NOT NULL REFERENCES organisations (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    workspaces TEXT NOT NULL,
    key_scopes TEXT,
    digest BYTEA NOT NULL,
    invited_by BYTEA,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    cancelled_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invites_digest ON invites (digest);
CREATE INDEX invites_of_organisation ON invites (organisation_id, created_at, id);

-- The browser holds a token; here is its digest.
CREATE TABLE sessions (
    id BYTEA NOT NULL PRIMARY KEY,
    user_id BYTEA NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organisation_id BYTEA REFERENCES organisations (id),
    digest BYTEA NOT NULL,
    previous_digest BYTEA,
    previous_until BIGINT,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    client TEXT,
    user_agent TEXT
);
CREATE UNIQUE INDEX sessions_digest ON sessions (digest);
CREATE INDEX sessions_previous ON sessions (previous_digest);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_use ON sessions (seen_at);

-- Failed attempts to sign in, by account and by address; under digests.
CREATE TABLE sign_in_attempts (
    id BYTEA NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL
);
CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (last_at);

-- Who signs tokens that serve as API keys of an organisation. `fetched` is what its URL answered.
CREATE TABLE token_issuers (
    organisation_id BYTEA NOT NULL PRIMARY KEY REFERENCES organisations (id),
    jwks_url TEXT,
    jwks TEXT,
    issuer TEXT,
    audience TEXT,
    scopes TEXT NOT NULL,
    fetched TEXT,
    fetched_at BIGINT,
    fetch_error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
