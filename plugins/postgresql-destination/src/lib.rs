//! Keeps a copy in a PostgreSQL database.
