-- An e-mail address is not verified, and so nobody's alone: several accounts may bear it, each with
-- a password of its own. Otherwise whoever invites an address could tell whether it has an account,
-- or take it.
DROP INDEX users_email;
CREATE INDEX users_email ON users (LOWER(email));
