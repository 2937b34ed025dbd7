-- One-time passwords, and what became of the messages that carried them.

CREATE TABLE codes (
  id         TEXT PRIMARY KEY,             -- random; the caller knows the request by it
  company    TEXT NOT NULL,                -- a code of one company is none of another's
  phone      TEXT NOT NULL,                -- +39…, digits only
  code       TEXT,                         -- NULL as soon as it is good for nothing any more
  state      TEXT NOT NULL DEFAULT 'open'  -- a code leaves 'open' once, and never comes back
             CHECK (state IN ('open', 'used', 'replaced', 'expired', 'blocked', 'unsent')),
  attempts   INTEGER NOT NULL DEFAULT 0,   -- wrong codes that were tried
  created_at INTEGER NOT NULL,             -- milliseconds since 1970, as Date.now() counts: they are compared and added
  expires_at INTEGER NOT NULL,
  sid        TEXT UNIQUE,                  -- Twilio's id of the message; NULL until it has one
  delivery   TEXT NOT NULL DEFAULT 'sending', -- how far the message has come, in Twilio's words
  error      TEXT                          -- Twilio's or the host's code of a failure
) STRICT;

CREATE INDEX codes_of_a_phone ON codes (company, phone, created_at);
CREATE INDEX codes_by_age ON codes (created_at);

-- However many actions try: a phone has one code that is good.
CREATE UNIQUE INDEX one_open_code ON codes (company, phone) WHERE state = 'open';
