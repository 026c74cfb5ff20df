//! What extends the node.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/plugins`, sorted by name. Empty on every node of this version: none can be installed yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct PluginList {
    pub plugins: Vec<Plugin>,
}

/// A plugin, by its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "ipmi", "release": "1.4.2", "vendor": "Example", "about": "Fans and sensors."}))]
pub struct Plugin {
    pub name: String,
    pub release: String,
    pub vendor: String,
    /// One sentence.
    pub about: String,
}
