//! What a connector says about itself before it is configured.

/// Something the connector cannot work without and asks the operator for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedGrant {
    /// `read-directory`, `write-directory`, `write-file`, `host`, `secret` or `environment`.
    pub kind: String,
    /// A literal, or `${connection_string}` / `${options.KEY}`; of a secret or variable its name.
    pub value: String,
    /// One sentence for the operator: what it is used for.
    pub reason: String,
}

/// What a connector is. The role and the options' schema are added by the SDK.
///
/// ```
/// use cartridge_warp_sdk::Description;
///
/// let description = Description::new("fortunes", "0.1.0", "One fortune a second")
///     .capability("exact-snapshot")
///     .wants("host", "${connection_string}", "the server that tells fortunes");
/// assert_eq!(description.capabilities, ["exact-snapshot"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The word that `source.type` or `destination.type` names; `[a-z][a-z0-9-]*`.
    pub name: String,
    /// The connector's own version, SemVer: usually `env!("CARGO_PKG_VERSION")`.
    pub version: String,
    /// One line for lists.
    pub description: String,
    /// Words the host acts on; see `connector-info.capabilities` in `wit/types.wit`.
    pub capabilities: Vec<String>,
    /// What the operator has to grant.
    pub wanted_grants: Vec<WantedGrant>,
}

impl Description {
    /// A connector without capabilities or wishes.
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        let (name, version, description) = (name.into(), version.into(), description.into());
        Self { name, version, description, capabilities: Vec::new(), wanted_grants: Vec::new() }
    }

    /// Adds a capability.
    #[must_use]
    pub fn capability(mut self, word: impl Into<String>) -> Self {
        self.capabilities.push(word.into());
        self
    }

    /// Asks for a grant.
    #[must_use]
    pub fn wants(
        mut self,
        kind: impl Into<String>,
        value: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (kind, value, reason) = (kind.into(), value.into(), reason.into());
        self.wanted_grants.push(WantedGrant { kind, value, reason });
        self
    }
}
