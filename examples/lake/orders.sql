-- The orders as they are, from the log of their changes: the last row of each key, unless it is a delete
-- or a truncate came after it.
SET VARIABLE orders = (SELECT list('lake/public/orders/' || file)
                       FROM read_csv('lake/public/orders/_files.csv'));

CREATE OR REPLACE TEMP VIEW order_log AS
SELECT * FROM read_parquet(getvariable('orders'), union_by_name = true, hive_partitioning = true);

CREATE OR REPLACE TEMP VIEW orders AS
SELECT * FROM order_log
WHERE _seq > (SELECT coalesce(max(_seq), -1) FROM order_log WHERE _op = 'truncate')
QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seq DESC) = 1 AND _op <> 'delete';

SELECT state, count(*) AS orders, sum(total) AS total FROM orders GROUP BY state ORDER BY state;
