-- Orders, what their customers know of them, and the conversations about them.

CREATE TABLE orders (
  order_no   TEXT PRIMARY KEY,             -- digits
  phone      TEXT NOT NULL,                -- +39…, in the form of vo.phoneNumber: who writes is compared with it
  state      TEXT NOT NULL CHECK (state IN ('received', 'packed', 'shipped', 'delivered', 'cancelled')),
  note       TEXT,                         -- for the customer's eyes: a carrier, a tracking number
  updated_at TEXT NOT NULL,                -- ISO 8601, UTC
  told       TEXT,                         -- the state that the customer was told last; NULL: none
  told_sid   TEXT                          -- the message that told it; NULL where it was a reply
) STRICT;

CREATE INDEX orders_of_a_phone ON orders (phone);
CREATE INDEX orders_by_message ON orders (told_sid);

-- What is open with a person. Without a row nothing is.
CREATE TABLE people (
  phone       TEXT PRIMARY KEY,
  question    TEXT,                        -- the orders between which he was asked to choose, a list as JSON
  asked_at    INTEGER,                     -- when, in milliseconds since 1970
  agent_until INTEGER                      -- until then a human answers, and the actions keep quiet
) STRICT;

-- What is said between a person and a human; the actions' own talk is not kept.
CREATE TABLE talk (
  id     INTEGER PRIMARY KEY,
  phone  TEXT NOT NULL,
  author TEXT NOT NULL CHECK (author IN ('customer', 'agent')),
  body   TEXT NOT NULL,
  at     TEXT NOT NULL                     -- ISO 8601, UTC
) STRICT;

CREATE INDEX talk_with_a_phone ON talk (phone);
