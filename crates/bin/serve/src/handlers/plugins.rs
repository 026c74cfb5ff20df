//! What extends the node: nothing yet, see `docs/operator/plugins.md`.

use corbel_node_api::PluginList;

use crate::reply::{Reply, ok};

pub(crate) async fn list() -> Reply {
    ok(&PluginList::default())
}
