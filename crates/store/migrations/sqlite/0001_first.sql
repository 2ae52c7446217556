-- Ids are UUIDs in 16 bytes, instants microseconds since 1970, booleans 0 or 1, JSON text.
-- Foreign keys between tenants' tables carry the organisation, so a row cannot point at another
-- tenant's.

CREATE TABLE instance (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE instance_secrets (
    name TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE organisations (
    id BLOB NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    default_workspace_id BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organisations_slug ON organisations (slug);

CREATE TABLE workspaces (
    id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    default_environment_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX workspaces_slug ON workspaces (organisation_id, slug);
CREATE UNIQUE INDEX workspaces_of_organisation ON workspaces (organisation_id, id);

CREATE TABLE environments (
    id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    workspace_id BLOB NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    FOREIGN KEY (organisation_id, workspace_id) REFERENCES workspaces (organisation_id, id)
        ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX environments_slug ON environments (workspace_id, slug);
CREATE UNIQUE INDEX environments_of_workspace ON environments (workspace_id, id);
CREATE INDEX environments_of_organisation ON environments (organisation_id, workspace_id);

CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_email ON users (LOWER(email));

CREATE TABLE memberships (
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    user_id BLOB NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    PRIMARY KEY (organisation_id, user_id)
) STRICT;
CREATE INDEX memberships_of_user ON memberships (user_id);

CREATE TABLE workspace_memberships (
    organisation_id BLOB NOT NULL,
    workspace_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (workspace_id, user_id),
    FOREIGN KEY (organisation_id, workspace_id) REFERENCES workspaces (organisation_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, user_id) REFERENCES memberships (organisation_id, user_id)
        ON DELETE CASCADE
) STRICT;
CREATE INDEX workspace_memberships_of_user ON workspace_memberships (organisation_id, user_id);

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    workspace_id BLOB NOT NULL,
    environment_id BLOB NOT NULL,
    user_id BLOB REFERENCES users (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    digest BLOB NOT NULL,
    hint TEXT NOT NULL,
    previous_digest BLOB,
    previous_until INTEGER,
    scopes TEXT NOT NULL,
    defaults TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    FOREIGN KEY (organisation_id, workspace_id) REFERENCES workspaces (organisation_id, id),
    FOREIGN KEY (workspace_id, environment_id) REFERENCES environments (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX api_keys_digest ON api_keys (digest);
CREATE INDEX api_keys_of_organisation ON api_keys (organisation_id, created_at, id);
CREATE INDEX api_keys_of_workspace ON api_keys (workspace_id, created_at, id);
CREATE INDEX api_keys_of_environment ON api_keys (workspace_id, environment_id);
CREATE INDEX api_keys_of_user ON api_keys (user_id);

CREATE TABLE integrations (
    id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (id),
    workspace_id BLOB,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    provider TEXT NOT NULL,
    credential BLOB NOT NULL,
    key_hint TEXT NOT NULL,
    models TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    FOREIGN KEY (organisation_id, workspace_id) REFERENCES workspaces (organisation_id, id)
) STRICT;
CREATE UNIQUE INDEX integrations_slug ON integrations (organisation_id, slug);
CREATE UNIQUE INDEX integrations_by_id ON integrations (organisation_id, id);
CREATE INDEX integrations_of_organisation ON integrations (organisation_id, created_at, id);
CREATE INDEX integrations_of_workspace ON integrations (organisation_id, workspace_id);

CREATE TABLE virtual_keys (
    id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    workspace_id BLOB NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT,
    integration_id BLOB NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    FOREIGN KEY (organisation_id, workspace_id) REFERENCES workspaces (organisation_id, id),
    FOREIGN KEY (organisation_id, integration_id) REFERENCES integrations (organisation_id, id)
) STRICT;
CREATE UNIQUE INDEX virtual_keys_slug ON virtual_keys (workspace_id, slug);
CREATE INDEX virtual_keys_of_organisation ON virtual_keys (organisation_id, created_at, id);
CREATE INDEX virtual_keys_of_workspace ON virtual_keys (workspace_id, created_at, id);
CREATE INDEX virtual_keys_of_integration ON virtual_keys (organisation_id, integration_id);

CREATE TABLE data_keys (
    id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB,
    wrapped BLOB NOT NULL,
    kms TEXT NOT NULL,
    kms_key_id TEXT NOT NULL,
    state TEXT NOT NULL,
    uses INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX data_keys_of_organisation ON data_keys (organisation_id, created_at);
-- One active data key for each organisation, and one for the instance.
CREATE UNIQUE INDEX data_keys_active ON data_keys (organisation_id) WHERE state = 'active';
CREATE UNIQUE INDEX data_keys_active_instance ON data_keys (state)
    WHERE state = 'active' AND organisation_id IS NULL;

-- The row with the highest revision is never pruned, so revisions never start over.
CREATE TABLE outbox (
    revision INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organisation_id BLOB NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_age ON outbox (created_at);

-- No foreign keys: logs outlive what they speak of. `fields` is the whole log as JSON; the other
-- columns are what is searched for.
CREATE TABLE logs (
    id BLOB NOT NULL,
    organisation_id BLOB NOT NULL,
    workspace_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    environment TEXT NOT NULL,
    api_key_id BLOB NOT NULL,
    user_id BLOB,
    end_user TEXT,
    provider TEXT,
    virtual_key TEXT,
    model_asked TEXT,
    model_served TEXT,
    endpoint TEXT NOT NULL,
    status INTEGER CHECK (status BETWEEN 100 AND 999),
    is_success INTEGER NOT NULL,
    state TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_nano INTEGER,
    total_micros INTEGER NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (id, created_at)
) STRICT;
CREATE INDEX logs_of_organisation ON logs (organisation_id, created_at, id);
CREATE INDEX logs_of_workspace ON logs (workspace_id, created_at, id);
CREATE INDEX logs_of_api_key ON logs (api_key_id, created_at);
CREATE INDEX logs_of_trace ON logs (organisation_id, trace_id);

CREATE TABLE log_bodies (
    log_id BLOB NOT NULL,
    part TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    organisation_id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (log_id, part, created_at)
) STRICT;
