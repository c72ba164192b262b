//! What a setting is: the macro that makes the [`Settings`](super::Settings) struct and its table from one
//! list, so that name, type, default and text cannot drift apart.

use crate::codec::Value;

pub use super::settings::SETTINGS;

/// One row of the table of settings.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Celery's lower-case name (or taskq's own).
    pub name: &'static str,
    /// `broker`, `task`, `worker`, …
    pub section: &'static str,
    /// What it does, for people.
    pub doc: &'static str,
    /// What a value must be: `true or false`.
    pub expected: fn() -> String,
    /// The default.
    pub default: fn() -> Value,
    /// Celery has no such setting.
    pub own: bool,
}

macro_rules! settings {
    ($( $section:ident { $( $(#[doc = $doc:literal])+ $name:ident : $type:ty = $default:expr ; )* } )*) => {
        /// The settings of an app, all of them, with their defaults. Fields carry Celery's names.
        #[derive(Clone)]
        #[non_exhaustive]
        pub struct Settings {
            $($( $(#[doc = $doc])+ pub $name: $type, )*)*
            pub(super) origins: Origins,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($( $name: $default, )*)* origins: Origins::default() }
            }
        }

        /// Every setting, in the order of the documentation.
        pub static SETTINGS: &[Setting] = &[
            $($( Setting {
                name: stringify!($name),
                section: stringify!($section),
                doc: concat!($($doc),+).trim_ascii(),
                expected: || <$type as Kind>::expected(),
                default: || { let default: $type = $default; default.to_value() },
                own: matches!(stringify!($section).as_bytes(), b"taskq"),
            }, )*)*
        ];

        impl Settings {
            /// The value of a setting, as it would be written in a file. Secrets are in it.
            pub fn get(&self, name: &str) -> Option<Value> {
                match name {
                    $($( stringify!($name) => Some(self.$name.to_value()), )*)*
                    _ => None,
                }
            }

            /// Sets a known setting; `Err` says what is expected instead.
            pub(super) fn assign(&mut self, name: &str, raw: Raw<'_>) -> Option<Result<(), String>> {
                match name {
                    $($( stringify!($name) => Some(raw.read::<$type>($default).map(|value| self.$name = value)), )*)*
                    _ => None,
                }
            }
        }
    };
}
pub(super) use settings;
