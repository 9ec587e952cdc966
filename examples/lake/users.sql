-- The users as they are, by country: what is nested is JSON.
SET VARIABLE users = (SELECT list('lake/ecommerce/users/' || file)
                      FROM read_csv('lake/ecommerce/users/_files.csv'));

CREATE OR REPLACE TEMP VIEW users AS
SELECT * FROM read_parquet(getvariable('users'), union_by_name = true, hive_partitioning = true)
QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _seq DESC) = 1 AND _op <> 'delete';

SELECT address ->> 'country' AS country, count(*) AS users FROM users GROUP BY country ORDER BY country;
