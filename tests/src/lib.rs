//! Tests of the repository and of the whole product; see the folders beside this one.
