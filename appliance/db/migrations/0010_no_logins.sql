-- Refresh tokens are not given out any more: clients keep a password or a key.
DROP TABLE logins;
