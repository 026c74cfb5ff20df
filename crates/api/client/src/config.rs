//! The methods for the configuration.

use corbel_node_api::{
    Config, ConfigApplied, ConfigEntry, ConfigHistory, ConfigRequest, ConfigRollback, ConfigVersion, Operation,
};
use http::{HeaderValue, Request, header};

use crate::http::{RequestBody, bare, json};
use crate::{Client, ClientError};

/// `base` is the generation that was looked at; without one, whatever is there is gone over.
fn based(mut request: Request<RequestBody>, base: Option<u64>) -> Request<RequestBody> {
    let tag = base.map(|generation| format!("\"{generation}\""));
    let tag = tag.and_then(|tag| HeaderValue::from_str(&tag).ok());
    let headers = request.headers_mut();
    headers.insert(header::IF_MATCH, tag.unwrap_or(HeaderValue::from_static("*")));
    request
}

impl Client {
    /// The configuration that counts, and the change that waits to be confirmed.
    pub async fn config(&self) -> Result<Config, ClientError> {
        self.json(bare(Operation::ShowConfig, "")).await
    }

    /// The JSON schema of the document, as text.
    pub async fn config_schema(&self) -> Result<String, ClientError> {
        self.text(bare(Operation::ConfigSchema, "")).await
    }

    /// Plans a document and, unless it is a dry run, makes the node so.
    ///
    /// # Errors
    /// A conflict when somebody saved another generation than `base` meanwhile.
    pub async fn apply_config(&self, base: Option<u64>, request: &ConfigRequest) -> Result<ConfigApplied, ClientError> {
        self.json(based(json(Operation::ApplyConfig, "", request), base)).await
    }

    /// Makes a document of the past the newest one.
    ///
    /// # Errors
    /// As of [`Client::apply_config`].
    pub async fn rollback_config(
        &self,
        base: Option<u64>,
        request: &ConfigRollback,
    ) -> Result<ConfigApplied, ClientError> {
        self.json(based(json(Operation::RollbackConfig, "", request), base))
            .await
    }

    /// Keeps the change that waits.
    pub async fn confirm_config(&self) -> Result<Config, ClientError> {
        self.json(bare(Operation::ConfirmConfig, "")).await
    }

    /// Takes the change that waits back.
    pub async fn undo_config(&self) -> Result<Config, ClientError> {
        self.json(bare(Operation::UndoConfig, "")).await
    }

    /// The documents that are kept, the newest first.
    pub async fn config_history(&self) -> Result<Vec<ConfigEntry>, ClientError> {
        let history: ConfigHistory = self.json(bare(Operation::ConfigHistory, "")).await?;
        Ok(history.entries)
    }

    /// A document of the past.
    pub async fn config_version(&self, generation: u64) -> Result<ConfigVersion, ClientError> {
        self.json(bare(Operation::ConfigVersion, &generation.to_string())).await
    }
}
