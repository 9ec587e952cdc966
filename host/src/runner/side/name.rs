//! What a pipeline is called: by its configuration, else by the address that it reads.

use std::path::absolute;

use super::connection::Endpoint;
use crate::config::WarpConfig;

/// The pipeline's name; without `name` in the configuration, what it reads.
pub fn pipeline_name(config: &WarpConfig, source: &Endpoint) -> String {
    let source_name = || {
        let database = config.source.database.as_deref();
        system_name(&config.source.r#type, source, database.unwrap_or_default())
    };
    config.name.clone().unwrap_or_else(source_name)
}

/// What a pipeline writes to.
pub fn destination_name(config: &WarpConfig, destination: &Endpoint) -> String {
    let database = config.destination.database.as_deref();
    system_name(&config.destination.r#type, destination, database.unwrap_or_default())
}

/// A connector with its files, or its servers and database: never users or passwords, which change while the
/// pipeline stays.
fn system_name(connector: &str, endpoint: &Endpoint, database: &str) -> String {
    let settings = &endpoint.settings;
    let files: Vec<String> = settings
        .grants
        .paths
        .iter()
        .filter(|grant| grant.key == "connection_string")
        .map(|grant| absolute(&grant.host_path).unwrap_or_else(|_| grant.host_path.clone()))
        .map(|path| path.display().to_string())
        .collect();
    let address = match files.is_empty() {
        true => address(&settings.connection_string).to_owned(),
        false => files.join(","),
    };
    let words = [connector, &address, database];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Servers and path of a URL.
fn address(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let before_query = after_scheme.split(['?', '#']).next().unwrap_or_default();
    // A password may hold an `@` that should have been escaped.
    before_query.rsplit_once('@').map_or(before_query, |(_, servers)| servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_where_something_is_and_not_who_asks() {
        let cases = [
            ("postgresql://me:pw@db.example:5432/shop?sslmode=require", "db.example:5432/shop"),
            ("postgresql://other:p@w@db.example:5432/shop", "db.example:5432/shop"),
            ("mongodb+srv://me:pw@one.example,two.example/", "one.example,two.example/"),
            ("feed://api.example#part", "api.example"),
            ("anything", "anything"),
        ];
        for (url, expected) in cases {
            assert_eq!(address(url), expected, "{url}");
        }
    }
}
