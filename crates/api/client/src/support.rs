//! The methods for support bundles, and for how well a node is protected.

use std::time::Duration;

use bytes::Bytes;
use corbel_node_api::{BundleList, BundleRequest, Operation, OperationInfo, SecurityLevel};

use crate::http::{bare, json};
use crate::{Client, ClientError};

/// For a bundle of 16 MiB, which is the largest, over a slow line.
const DOWNLOAD: Duration = Duration::from_secs(600);

impl Client {
    /// Support bundles on the node, the oldest first, and disks that one can be written to.
    pub async fn support_bundles(&self) -> Result<BundleList, ClientError> {
        self.json(bare(Operation::ListBundles, "")).await
    }

    /// Begins to make one.
    pub async fn make_support_bundle(&self, request: &BundleRequest) -> Result<OperationInfo, ClientError> {
        self.json(json(Operation::MakeBundle, "", request)).await
    }

    /// The bytes of one that lies on the node.
    pub async fn support_bundle(&self, name: &str) -> Result<Bytes, ClientError> {
        self.bytes(bare(Operation::ReadBundle, name), DOWNLOAD).await
    }

    /// Removes one from the node.
    pub async fn remove_support_bundle(&self, name: &str) -> Result<(), ClientError> {
        self.done(bare(Operation::RemoveBundle, name)).await
    }

    /// How well the node is protected.
    pub async fn security(&self) -> Result<SecurityLevel, ClientError> {
        self.json(bare(Operation::ShowSecurity, "")).await
    }
}
