-- The shop's orders, and the WhatsApp messages that confirm them.
--
-- A migration is applied once, in a transaction of its own, and never changed afterwards: what comes later goes into
-- 002_….sql. The tables are ordinary ones in data/apps/demo.db; other programs may read them while the host runs.

CREATE TABLE orders (
  order_id     TEXT PRIMARY KEY,
  customer     TEXT NOT NULL,
  phone        TEXT NOT NULL,              -- as the customer gave it; the host reads it when a message is sent
  amount_cents INTEGER NOT NULL CHECK (amount_cents >= 0),
  currency     TEXT NOT NULL DEFAULT 'EUR',
  state        TEXT NOT NULL DEFAULT 'new', -- new, then what its messages say: queued, sent, delivered, read, failed …
  updated_at   TEXT NOT NULL               -- ISO 8601, UTC
) STRICT;

CREATE TABLE order_messages (
  order_id   TEXT NOT NULL REFERENCES orders(order_id),
  kind       TEXT NOT NULL CHECK (kind IN ('text', 'picture')),
  sid        TEXT UNIQUE,                  -- Twilio's id; NULL when Twilio did not take the message
  status     TEXT NOT NULL,                -- Twilio's word, moved forward only; 'unknown' when nobody can tell
  error      TEXT,                         -- code and reason of a failure
  updated_at TEXT NOT NULL,
  PRIMARY KEY (order_id, kind)             -- an order has one message of each kind
) STRICT;
