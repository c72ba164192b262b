//! Recursion over canvases, whose frames are large: a level of a canvas costs some 20 KiB of stack.
//!
//! Kept true here: a canvas of any depth that a message can hold overflows no stack, of a client or of a worker.

/// So much must be left for one more level, links and all.
const LEFT: usize = 256 * 1024;
/// So much is taken when it is not.
const MORE: usize = 2 * 1024 * 1024;

/// Goes one level deeper, on more stack if that is needed.
pub(crate) fn deep<R>(walk: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(LEFT, MORE, walk)
}
