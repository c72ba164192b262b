
use std::borrow::Cow;

use taskq::task;

#[task]
fn count(words: Vec<&str>, page: Cow<'_, str>) -> usize {
    words.len() + page.len()
}

fn main() {}
