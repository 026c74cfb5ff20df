//! What the node reaches, asked of the machine: other machines, storage, and the devices that it can give away.

use std::time::Duration;

use corbel_model::network::InterfaceName;
use corbel_model::server::Server;

use crate::diagnostics::{Echo, Multipath, Sessions};
use crate::iommu::IommuGroup;
use crate::{Agent, SystemError};

/// Between two echoes.
const ECHO_INTERVAL: Duration = Duration::from_secs(1);

impl Agent {
    pub async fn identify(&self, link: InterfaceName, time: Duration) -> Result<(), SystemError> {
        self.ask(move |system| system.identify(&link, time)).await
    }

    /// Sends so many echoes, one a second. Who stops waiting stops them.
    pub async fn ping(&self, host: Server, count: u16) -> Result<Vec<Echo>, SystemError> {
        let mut echoes = Vec::new();
        for number in 1..=count {
            if number > 1 {
                tokio::time::sleep(ECHO_INTERVAL).await;
            }
            let host = host.clone();
            echoes.push(self.ask(move |system| system.ping(&host, number)).await?);
        }
        Ok(echoes)
    }

    pub async fn multipath(&self) -> Result<Multipath, SystemError> {
        self.ask(|system| system.multipath()).await
    }

    pub async fn iscsi(&self) -> Result<Sessions, SystemError> {
        self.ask(|system| system.iscsi()).await
    }

    pub async fn iommu(&self) -> Result<Vec<IommuGroup>, SystemError> {
        self.ask(|system| system.iommu()).await
    }
}
