// Rows without end.
// limits: cpu_ms = 3000, wall_ms = 20000
return utils.executeQuery("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, hex(randomblob(1000)) AS x FROM n").length;
