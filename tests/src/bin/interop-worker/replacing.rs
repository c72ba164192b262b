//! Tasks that are replaced while they run, and those they are replaced by.

use taskq::prelude::*;

#[task]
pub(crate) async fn replaced_with_me() -> bool {
    true
}
