CREATE TABLE customers (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL,
    email text
);
CREATE TABLE orders (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES customers,
    state    text NOT NULL DEFAULT 'open',
    total    numeric(12, 2) NOT NULL,
    lines    jsonb,
    at       timestamptz NOT NULL DEFAULT now()
);
INSERT INTO customers (name, email)
    SELECT 'Customer ' || n, 'c' || n || '@example.com' FROM generate_series(1, 1000) n;
INSERT INTO orders (customer, total, lines)
    SELECT n % 1000 + 1, n % 500 + 0.99, jsonb_build_array(jsonb_build_object('sku', n % 77))
    FROM generate_series(1, 100000) n;
