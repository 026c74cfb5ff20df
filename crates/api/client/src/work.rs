//! The methods for disks, slots and the node's long work.

use corbel_node_api::{
    Disk, DiskList, InstallRequest, Operation, OperationInfo, OperationStatus, Planned, PoweroffRequest, ProgressEvent,
    RebootRequest, RollbackRequest, SlotList, UninstallRequest, UpgradeFlags, UpgradeRequest,
};
use tokio::io::AsyncRead;

use crate::http::{bare, build, full, json, set_path};
use crate::methods::BYTES;
use crate::{Client, ClientError, EventStream, UploadProgress};

impl Client {
    /// Disks of the node, sorted by path.
    pub async fn disks(&self) -> Result<Vec<Disk>, ClientError> {
        self.json::<DiskList>(bare(Operation::ListDisks, ""))
            .await
            .map(|list| list.disks)
    }

    /// Plans an installation, and begins it unless it is a dry run.
    pub async fn install(&self, request: &InstallRequest) -> Result<Planned, ClientError> {
        self.json(json(Operation::Install, "", request)).await
    }

    /// Plans to give the disk back, and begins it unless it is a dry run.
    pub async fn uninstall(&self, request: &UninstallRequest) -> Result<Planned, ClientError> {
        self.json(json(Operation::Uninstall, "", request)).await
    }

    /// Both slots of an installed node, and the version that failed last.
    pub async fn slots(&self) -> Result<SlotList, ClientError> {
        self.json(bare(Operation::ListSlots, "")).await
    }

    /// Begins an upgrade from a URL or from the medium.
    pub async fn upgrade(&self, request: &UpgradeRequest) -> Result<OperationInfo, ClientError> {
        self.json(json(Operation::Upgrade, "", request)).await
    }

    /// Sends an ISO of exactly `size` bytes, and begins an upgrade from it. Waits as long as bytes move; dropping the future
    /// closes the connection, on which the node removes what it has.
    ///
    /// # Errors
    /// [`ClientError::Source`] when `source` fails or ends early.
    pub async fn upload_upgrade<R, F>(
        &self,
        flags: UpgradeFlags,
        size: u64,
        source: R,
        report: F,
    ) -> Result<OperationInfo, ClientError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        F: FnMut(UploadProgress) + Send + Unpin + 'static,
    {
        let mut request = build(Operation::UploadUpgrade, "", Some(BYTES), full(""));
        let set = flags.pairs().into_iter().filter(|(_, value)| *value);
        let query: Vec<_> = set.map(|(name, _)| format!("{name}=true")).collect();
        if !query.is_empty() {
            let path = Operation::UploadUpgrade.path("");
            set_path(&mut request, format!("{path}?{}", query.join("&")));
        }
        self.upload(request, size, source, report).await
    }

    /// Begins to make the other slot the next one to be started.
    pub async fn rollback(&self, request: RollbackRequest) -> Result<OperationInfo, ClientError> {
        self.json(json(Operation::Rollback, "", &request)).await
    }

    /// Stops the machines, each as its policy says, and reboots.
    pub async fn reboot(&self, request: RebootRequest) -> Result<OperationInfo, ClientError> {
        self.json(json(Operation::Reboot, "", &request)).await
    }

    /// Stops the machines, each as its policy says, and powers off.
    pub async fn poweroff(&self, request: PoweroffRequest) -> Result<OperationInfo, ClientError> {
        self.json(json(Operation::Poweroff, "", &request)).await
    }

    /// The present long work or the last one; `None` when there was none since the daemon started.
    pub async fn operation(&self) -> Result<Option<OperationInfo>, ClientError> {
        self.json::<OperationStatus>(bare(Operation::ShowOperation, ""))
            .await
            .map(|status| status.operation)
    }

    /// Events of the present or last long work from its beginning. The stream ends after its end. `begin` may come again when
    /// the number of steps is known better.
    pub async fn operation_events(&self) -> Result<EventStream<ProgressEvent>, ClientError> {
        self.stream(Operation::OperationEvents).await
    }

    /// Asks the long work to stop where that is safe.
    pub async fn cancel_operation(&self) -> Result<OperationInfo, ClientError> {
        self.json(bare(Operation::CancelOperation, "")).await
    }
}
