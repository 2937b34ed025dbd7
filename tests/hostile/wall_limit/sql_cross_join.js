// A product of products.
return utils.executeQuery('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT count(*) AS x FROM n a, n b, n c, n d');
