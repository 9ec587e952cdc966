//! Tests of the whole way from text to checked values, as tables.
