//! The board, as programs and browsers see it.

mod board;
mod http;
mod oidc;
mod v1;
mod pages;
