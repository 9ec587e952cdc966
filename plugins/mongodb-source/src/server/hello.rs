//! What a server says about itself.

use mongodb::bson::Document;

use crate::settings::Address;

/// A member of a replica set names at most so many others (the sets of MongoDB have at most 50).
const MEMBERS_MAX: usize = 64;

/// An answer to `hello`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// Whether it is the primary (or a router, which stands for one).
    pub is_writable: bool,
    /// A router of a sharded cluster.
    pub is_router: bool,
    /// The set it belongs to.
    pub set: Option<String>,
    /// Who it believes is the primary.
    pub primary: Option<Address>,
    /// The set's members.
    pub hosts: Vec<Address>,
}

impl Hello {
    /// Reads the answer; what is missing or malformed is as if it was not said.
    pub fn read(answer: &Document) -> Self {
        let hosts = answer.get_array("hosts").map(Vec::as_slice).unwrap_or_default();
        let hosts = hosts.iter().take(MEMBERS_MAX).filter_map(|host| host.as_str());
        Self {
            is_writable: answer.get_bool("isWritablePrimary").unwrap_or(false),
            is_router: answer.get_str("msg").ok() == Some("isdbgrid"),
            set: answer.get_str("setName").ok().map(str::to_owned),
            primary: answer.get_str("primary").ok().and_then(Address::parse),
            hosts: hosts.filter_map(Address::parse).collect(),
        }
    }

    /// Whether there is a log of changes to follow.
    pub fn has_log(&self) -> bool {
        self.is_router || self.set.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    #[test]
    fn members_routers_and_standalones_are_told_apart() {
        let member = Hello::read(&doc! {
            "isWritablePrimary": false, "setName": "rs0", "primary": "b:2",
            "hosts": ["a:1", "b:2", 7, "c", "bad:port"],
        });
        assert!(!member.is_writable && member.has_log());
        assert_eq!(member.primary, Address::parse("b:2"));
        let named: Vec<String> = member.hosts.iter().map(Address::to_string).collect();
        assert_eq!(named, ["a:1", "b:2", "c:27017"]);
        let router = Hello::read(&doc! { "isWritablePrimary": true, "msg": "isdbgrid" });
        assert!(router.is_router && router.has_log());
        assert!(!Hello::read(&doc! { "isWritablePrimary": true }).has_log());
        assert_eq!(Hello::read(&doc! { "hosts": "a", "setName": 1 }), Hello::default());
    }
}
