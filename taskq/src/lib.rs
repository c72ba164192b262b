//! taskq
