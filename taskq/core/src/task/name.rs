//! The default name of a task: its module path with dots, as Python writes it, computed at compile time.

/// The length of [`dotted`] of `path`.
pub const fn dotted_len(path: &str) -> usize {
    let bytes = path.as_bytes();
    let (mut i, mut len) = (0, 0);
    while i < bytes.len() {
        i += if separator(bytes, i) { 2 } else { 1 };
        len += 1;
    }
    len
}

/// `a::b::c` → `a.b.c`. `N` is [`dotted_len`] of `path`.
pub const fn dotted<const N: usize>(path: &str) -> [u8; N] {
    let bytes = path.as_bytes();
    let mut out = [0; N];
    let (mut i, mut len) = (0, 0);
    while i < bytes.len() {
        if separator(bytes, i) {
            out[len] = b'.';
            i += 2;
        } else {
            out[len] = bytes[i];
            i += 1;
        }
        len += 1;
    }
    out
}

const fn separator(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b':' && at + 1 < bytes.len() && bytes[at + 1] == b':'
}

/// The dotted path of an item of the calling module, as a `&'static str`.
#[doc(hidden)]
#[macro_export]
macro_rules! __task_name {
    ($function:literal) => {{
        const PATH: &str = ::core::concat!(::core::module_path!(), "::", $function);
        const DOTTED: [u8; $crate::task::name::dotted_len(PATH)] = $crate::task::name::dotted(PATH);
        const NAME: &str = match ::core::str::from_utf8(&DOTTED) {
            ::core::result::Result::Ok(name) => name,
            ::core::result::Result::Err(_) => PATH,
        };
        NAME
    }};
}

#[cfg(test)]
mod tests {
    #[test]
    fn module_paths_become_pythons() {
        const NAME: &str = crate::__task_name!("übung");
        assert_eq!(NAME, "taskq_core.task.name.tests.übung");
    }
}
