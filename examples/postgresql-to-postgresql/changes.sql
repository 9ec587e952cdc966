UPDATE orders SET state = 'paid' WHERE id % 10 = 0;
DELETE FROM orders WHERE id % 1000 = 7;
INSERT INTO customers (name, email) VALUES ('Ada', 'ada@example.com');
ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text;
INSERT INTO orders (customer, total, note) VALUES (1001, 12.50, 'a column that was not there before');
