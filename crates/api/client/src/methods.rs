//! One method an endpoint. Names are taken as the hypervisor spells them: others define machines too.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use corbel_node_api::{
    Autostart, DumpStatus, DumpTest, Health, IdentifyRequest, IommuInfo, IscsiInfo, Keyboard, LinkList, LogPage,
    MultipathList, Network, NetworkList, NodeInfo, OPENMETRICS_TYPE, Operation, PasswordTry, Persisted,
    PersistedDifference, PersistedList, PingRequest, PingResult, PluginList, Pool, PoolList, ServiceList, VmDetail,
    VmList, VmSpec, VmStats, VmSummary, Volume, VolumeList, VolumeSpec, XML_TYPE,
};
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::io::AsyncRead;

use crate::http::{RequestBody, bare, build, full, json, set_path};
use crate::upload::UploadBody;
use crate::{Client, ClientError, EventStream, UploadProgress};

/// Media type of an upload.
pub(crate) const BYTES: &str = "application/octet-stream";

/// An upload in which no byte moves for so long, or whose end is not answered, has stalled.
const STALL: Duration = Duration::from_secs(120);

impl Client {
    /// Whether the node can do its work. Needs no credentials.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.json(bare(Operation::Health, "")).await
    }

    /// The node at a glance.
    pub async fn node(&self) -> Result<NodeInfo, ClientError> {
        self.json(bare(Operation::Node, "")).await
    }

    /// The description of the API that this node serves, as JSON text. Needs no credentials.
    pub async fn openapi(&self) -> Result<String, ClientError> {
        self.text(bare(Operation::Openapi, "")).await
    }

    /// All machines, sorted by name.
    pub async fn vms(&self) -> Result<Vec<VmSummary>, ClientError> {
        self.json::<VmList>(bare(Operation::ListVms, ""))
            .await
            .map(|list| list.vms)
    }

    /// Everything about one machine.
    pub async fn vm(&self, name: &str) -> Result<VmDetail, ClientError> {
        self.json(bare(Operation::ShowVm, name)).await
    }

    /// Defines a machine and makes the volumes that it asks for; all or nothing.
    pub async fn create_vm(&self, spec: &VmSpec) -> Result<VmSummary, ClientError> {
        self.json(json(Operation::CreateVm, "", spec)).await
    }

    /// Defines a machine from libvirt's own XML.
    pub async fn define_vm_xml(&self, xml: &str) -> Result<VmSummary, ClientError> {
        self.json(build(Operation::CreateVm, "", Some(XML_TYPE), full(xml.to_owned())))
            .await
    }

    /// Removes a machine that is off; with `volumes` also those volumes that only it uses.
    pub async fn delete_vm(&self, name: &str, volumes: bool) -> Result<(), ClientError> {
        let mut request = bare(Operation::DeleteVm, name);
        if volumes {
            set_path(&mut request, format!("{}?volumes=true", Operation::DeleteVm.path(name)));
        }
        self.done(request).await
    }

    /// Starts a machine.
    pub async fn start_vm(&self, name: &str) -> Result<(), ClientError> {
        self.done(bare(Operation::StartVm, name)).await
    }

    /// Asks the guest to shut down; answers at once, not when it is off.
    pub async fn shutdown_vm(&self, name: &str) -> Result<(), ClientError> {
        self.done(bare(Operation::ShutdownVm, name)).await
    }

    /// Takes the power away.
    pub async fn force_off_vm(&self, name: &str) -> Result<(), ClientError> {
        self.done(bare(Operation::ForceOffVm, name)).await
    }

    /// Asks the guest to reboot.
    pub async fn reboot_vm(&self, name: &str) -> Result<(), ClientError> {
        self.done(bare(Operation::RebootVm, name)).await
    }

    /// Gives the node's own screen a keyboard layout at once, until its next start.
    pub async fn use_keyboard(&self, layout: &str) -> Result<(), ClientError> {
        let layout = layout.to_owned();
        self.done(json(Operation::UseKeyboard, "", &Keyboard { layout })).await
    }

    /// Figures of the node and its machines as OpenMetrics.
    pub async fn figures(&self) -> Result<String, ClientError> {
        let mut request = bare(Operation::Figures, "");
        let accept = HeaderValue::from_static(OPENMETRICS_TYPE);
        request.headers_mut().insert(header::ACCEPT, accept);
        self.text(request).await
    }

    /// Whether this is the password of `admin`.
    ///
    /// # Errors
    /// A refusal of the kind `forbidden` when it is not, or when too many were tried.
    pub async fn check_password(&self, password: &str) -> Result<(), ClientError> {
        let password = password.to_owned();
        self.done(json(Operation::CheckPassword, "", &PasswordTry { password }))
            .await
    }

    /// Network interfaces, sorted by name.
    pub async fn links(&self) -> Result<LinkList, ClientError> {
        self.json(bare(Operation::ListLinks, "")).await
    }

    /// Sends one echo from the node.
    pub async fn ping(&self, request: &PingRequest) -> Result<PingResult, ClientError> {
        self.json(json(Operation::Ping, "", request)).await
    }

    /// Lets the lamps of an interface blink, and returns when they have.
    pub async fn identify_link(&self, name: &str, request: &IdentifyRequest) -> Result<(), ClientError> {
        self.done(json(Operation::IdentifyLink, name, request)).await
    }

    /// Disks that are reached by several paths, sorted by name.
    pub async fn multipath(&self) -> Result<MultipathList, ClientError> {
        self.json(bare(Operation::ShowMultipath, "")).await
    }

    /// The node as an iSCSI initiator.
    pub async fn iscsi(&self) -> Result<IscsiInfo, ClientError> {
        self.json(bare(Operation::ShowIscsi, "")).await
    }

    /// Groups of the IOMMU by number.
    pub async fn iommu(&self) -> Result<IommuInfo, ClientError> {
        self.json(bare(Operation::ShowIommu, "")).await
    }

    /// What extends the node, sorted by name.
    pub async fn plugins(&self) -> Result<PluginList, ClientError> {
        self.json(bare(Operation::ListPlugins, "")).await
    }

    /// Services, those that failed first.
    pub async fn services(&self) -> Result<ServiceList, ClientError> {
        self.json(bare(Operation::ListServices, "")).await
    }

    /// The newest entries of the journal that have a text; all when it is empty.
    pub async fn logs(&self, search: &str) -> Result<LogPage, ClientError> {
        let mut request = bare(Operation::ShowLogs, "");
        if !search.is_empty() {
            let path = Operation::ShowLogs.path("");
            set_path(
                &mut request,
                format!("{path}?search={}", corbel_node_api::encode(search)),
            );
        }
        self.json(request).await
    }

    /// Whether the machine starts with the node.
    pub async fn set_autostart(&self, name: &str, autostart: bool) -> Result<(), ClientError> {
        self.done(json(Operation::AutostartVm, name, &Autostart { autostart }))
            .await
    }

    /// Counters of a running machine.
    pub async fn vm_stats(&self, name: &str) -> Result<VmStats, ClientError> {
        self.json(bare(Operation::VmStats, name)).await
    }

    /// libvirt's own XML of a machine.
    pub async fn vm_xml(&self, name: &str) -> Result<String, ClientError> {
        self.text(bare(Operation::VmXml, name)).await
    }

    /// Storage pools, sorted by name.
    pub async fn pools(&self) -> Result<Vec<Pool>, ClientError> {
        self.json::<PoolList>(bare(Operation::ListPools, ""))
            .await
            .map(|list| list.pools)
    }

    /// What is kept beyond the configuration, sorted by path.
    pub async fn persisted(&self) -> Result<Vec<Persisted>, ClientError> {
        self.json::<PersistedList>(bare(Operation::ListPersisted, ""))
            .await
            .map(|list| list.persisted)
    }

    /// Keeps what is at the path now.
    pub async fn persist(&self, path: &str) -> Result<Persisted, ClientError> {
        self.json(bare(Operation::Persist, path)).await
    }

    /// Keeps it no more; from the next boot on it is as the image has it.
    pub async fn unpersist(&self, path: &str) -> Result<(), ClientError> {
        self.done(bare(Operation::Unpersist, path)).await
    }

    /// How what is kept differs from the image's own.
    pub async fn persisted_difference(&self, path: &str) -> Result<PersistedDifference, ClientError> {
        self.json(bare(Operation::PersistedDifference, path)).await
    }

    /// Dumps of kernels that crashed, and whether a crash would be saved.
    pub async fn dumps(&self) -> Result<DumpStatus, ClientError> {
        self.json(bare(Operation::ListDumps, "")).await
    }

    /// Tries the place where dumps go.
    pub async fn test_dump(&self) -> Result<DumpTest, ClientError> {
        self.json(bare(Operation::TestDump, "")).await
    }

    /// Volumes of the active pools, sorted by name.
    pub async fn volumes(&self) -> Result<Vec<Volume>, ClientError> {
        self.json::<VolumeList>(bare(Operation::ListVolumes, ""))
            .await
            .map(|list| list.volumes)
    }

    /// Makes an empty volume.
    pub async fn create_volume(&self, spec: &VolumeSpec) -> Result<Volume, ClientError> {
        self.json(json(Operation::CreateVolume, "", spec)).await
    }

    /// Makes a raw volume from exactly `size` bytes of `source`. Waits as long as bytes move; dropping the future closes
    /// the connection, on which the node removes what it has.
    ///
    /// # Errors
    /// [`ClientError::Source`] when `source` fails or ends early.
    pub async fn upload_volume<R, F>(&self, name: &str, size: u64, source: R, report: F) -> Result<Volume, ClientError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        F: FnMut(UploadProgress) + Send + Unpin + 'static,
    {
        let request = build(Operation::UploadVolume, name, Some(BYTES), full(""));
        self.upload(request, size, source, report).await
    }

    /// Sends `request` with exactly `size` bytes of `source` as its body.
    pub(crate) async fn upload<T, R, F>(
        &self,
        request: Request<RequestBody>,
        size: u64,
        source: R,
        report: F,
    ) -> Result<T, ClientError>
    where
        T: DeserializeOwned,
        R: AsyncRead + Send + Unpin + 'static,
        F: FnMut(UploadProgress) + Send + Unpin + 'static,
    {
        let moved = Arc::new(AtomicU64::new(0));
        let body = UploadBody::new(source, size, report, Arc::clone(&moved)).boxed_unsync();
        let mut request = request.map(|_| body);
        // hyper leaves the header out of a request whose body is empty, and the node insists on it.
        request
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(size));
        let body = self.while_moving(&moved, self.send(request)).await?;
        let body = self.finish(body).await?;
        serde_json::from_slice(&body).map_err(|e| self.protocol(format!("the answer is not as described: {e}")))
    }

    /// Waits for an answer as long as `moved` changes at least once in [`STALL`].
    async fn while_moving<T>(
        &self,
        moved: &AtomicU64,
        operation: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let mut operation = pin!(operation);
        let mut before = 0;
        loop {
            if let Ok(result) = tokio::time::timeout(STALL, operation.as_mut()).await {
                return result;
            }
            let now = moved.load(Ordering::Relaxed);
            if now == before {
                return Err(ClientError::Deadline {
                    endpoint: self.endpoint.clone(),
                    limit: STALL,
                });
            }
            before = now;
        }
    }

    /// Deletes a volume that no machine uses.
    pub async fn delete_volume(&self, name: &str) -> Result<(), ClientError> {
        self.done(bare(Operation::DeleteVolume, name)).await
    }

    /// libvirt's networks and the node's bridges, sorted by name.
    pub async fn networks(&self) -> Result<Vec<Network>, ClientError> {
        self.json::<NetworkList>(bare(Operation::ListNetworks, ""))
            .await
            .map(|list| list.networks)
    }

    /// Events from now on, the first of which is the whole state.
    pub async fn events(&self) -> Result<EventStream, ClientError> {
        self.stream(Operation::Events).await
    }

    pub(crate) async fn stream<T>(&self, operation: Operation) -> Result<EventStream<T>, ClientError> {
        let answer = self.within(self.answer_limit, self.send(bare(operation, ""))).await?;
        let content_type = answer.head.headers().get(header::CONTENT_TYPE);
        if !content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream")) {
            return Err(self.protocol("the answer is no stream of events".into()));
        }
        Ok(EventStream::new(self.endpoint.clone(), answer))
    }
}
