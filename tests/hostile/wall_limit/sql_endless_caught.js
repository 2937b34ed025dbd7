// Again and again.
for (;;) {
  try {
    utils.executeQuery('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n');
  } catch {}
}
