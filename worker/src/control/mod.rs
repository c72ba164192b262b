//! Remote control. So far a listener for `revoke` and its kin; the rest of Celery's commands come with the
//! control plane.

mod revoke;

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::node::Node;

/// Starts to listen, where the broker has fan-out and the settings allow it.
pub(crate) fn start(node: &Arc<Node>) -> Option<AbortOnDropHandle<()>> {
    let settings = node.app.settings();
    if !settings.worker_enable_remote_control {
        return None;
    }
    let exchange = format!("{}.pidbox", settings.control_exchange);
    let broadcast = node.broker.broadcast()?;
    Some(AbortOnDropHandle::new(tokio::spawn(revoke::listen(Arc::clone(node), broadcast, exchange))))
}
