-- An e-mail address is not verified, and so nobody's alone: several accounts may bear it, each with
-- a password of its own. Otherwise whoever invites an address could tell whether it has an account,
-- or take it.
DROP INDEX users_email;
CREATE INDEX users_email ON users (LOWER(email));
-- Of several accounts with one password, it leads into that of whoever set it last: so nobody learns
-- another's by setting their own to it.
ALTER TABLE users ADD COLUMN password_set_at BIGINT NOT NULL DEFAULT 0;
UPDATE users SET password_set_at = created_at;
