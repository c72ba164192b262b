//! What a board is told at its start.

/// Options of a board.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port. Flower: `port`. Default: 5555; 0 takes a free one.
    pub port: u16,
    /// The address to listen on. Flower: `address`. Default: `127.0.0.1`.
    pub address: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 5555, address: "127.0.0.1".to_owned() }
    }
}
