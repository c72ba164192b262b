//! Tasks whose `expires` has passed are revoked instead of run.

use taskq_core::protocol::Request;

use crate::node::Node;

pub(super) fn is(node: &Node, request: &Request) -> bool {
    request.expires.is_some_and(|expires| expires <= node.now())
}
