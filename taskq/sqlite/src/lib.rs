//! taskq/sqlite
