//! taskq/redis
