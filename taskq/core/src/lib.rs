//! taskq/core
