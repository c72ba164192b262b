//! How a worker takes messages.

/// How a worker takes messages. Setting: `worker_prefetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrefetchKind {
    /// For free slots, and as much beyond them as the slots get done in a tenth of a second.
    Adaptive,
    /// For free slots only.
    Slots,
    /// `worker_prefetch_multiplier` for each slot, as Celery does.
    Multiplier,
}

impl PrefetchKind {
    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "adaptive" => Some(Self::Adaptive),
            "slots" => Some(Self::Slots),
            "multiplier" => Some(Self::Multiplier),
            _ => None,
        }
    }

    /// The name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Slots => "slots",
            Self::Multiplier => "multiplier",
        }
    }
}
