-- Contacts, campaigns, and what became of each message. Every table has the company in its key: a company sees its own.

CREATE TABLE contacts (
  company      TEXT NOT NULL,
  phone        TEXT NOT NULL,              -- +39…, digits only
  name         TEXT,
  consent      TEXT NOT NULL,              -- how and when the person agreed; without it nobody may be written to
  opted_out_at TEXT,                       -- ISO 8601, UTC; NULL: not
  PRIMARY KEY (company, phone)
) STRICT;

-- What a campaign says is written down once, so that its last batch says the same as its first.
CREATE TABLE campaigns (
  company    TEXT NOT NULL,
  campaign   TEXT NOT NULL,
  content    TEXT NOT NULL,                -- JSON: { body } or { contentSid, contentVariables }, with {name} in the texts
  created_at TEXT NOT NULL,
  PRIMARY KEY (company, campaign)
) STRICT;

-- A row is written before its message leaves, and its key allows one a contact: that is why nobody is written to twice.
CREATE TABLE messages (
  company    TEXT NOT NULL,
  campaign   TEXT NOT NULL,
  phone      TEXT NOT NULL,
  sid        TEXT UNIQUE,                  -- Twilio's id; NULL where it gave none
  status     TEXT NOT NULL DEFAULT 'unknown', -- Twilio's word, moved forward only; 'unknown' until somebody can tell
  error      TEXT,                         -- Twilio's or the host's code of a failure
  updated_at TEXT NOT NULL,
  PRIMARY KEY (company, campaign, phone),
  FOREIGN KEY (company, campaign) REFERENCES campaigns (company, campaign),
  FOREIGN KEY (company, phone) REFERENCES contacts (company, phone)
) STRICT;
