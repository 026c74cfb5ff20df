//! What is tried from the node: an echo to another machine, and the lamps of an interface.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/node/ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"host": "192.0.2.1", "count": 3}))]
#[serde(deny_unknown_fields)]
pub struct PingRequest {
    /// A host name or an address.
    pub host: String,
    /// How many echoes, one a second, 1 to 20. Closing the connection ends them.
    #[serde(default = "once")]
    #[schema(minimum = 1, maximum = 20)]
    pub count: u16,
}

fn once() -> u16 {
    1
}

/// Answer of `POST /v1/node/ping`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct PingResult {
    /// In the order in which they were sent.
    pub echoes: Vec<Echo>,
}

/// What became of one echo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"address": "192.0.2.1", "microseconds": 421}))]
pub struct Echo {
    /// Where it was sent to.
    pub address: String,
    /// How long the answer took; null without one.
    #[serde(default)]
    pub microseconds: Option<u64>,
    /// Why there was no answer, as a sentence.
    #[serde(default)]
    pub problem: Option<String>,
}

/// Body of `POST /v1/node/links/{name}/identify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"seconds": 10}))]
#[serde(deny_unknown_fields)]
pub struct IdentifyRequest {
    /// How long its lamps blink, 1 to 20; the answer comes when they have.
    #[serde(default = "a_while")]
    #[schema(minimum = 1, maximum = 20)]
    pub seconds: u16,
}

fn a_while() -> u16 {
    10
}
