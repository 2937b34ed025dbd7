CREATE TABLE greetings (
  sid    TEXT PRIMARY KEY,
  phone  TEXT NOT NULL,
  status TEXT NOT NULL
);
