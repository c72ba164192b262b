//! The board, as programs and browsers see it.

mod board;
mod http;
mod oidc;
mod pages;
mod v1;
