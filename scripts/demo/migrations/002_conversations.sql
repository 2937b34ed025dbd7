-- What people have written to the shop.

CREATE TABLE conversations (
  sid         TEXT PRIMARY KEY,            -- Twilio's id of the message
  person      TEXT NOT NULL,               -- whatsapp:+39…, as Twilio names him
  name        TEXT,                        -- as he calls himself on WhatsApp
  body        TEXT NOT NULL,
  media       INTEGER NOT NULL,            -- how many pictures or files came with it
  received_at TEXT NOT NULL                -- ISO 8601, UTC
) STRICT;
