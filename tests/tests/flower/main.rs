//! The board against Flower, and as programs and browsers see it.

mod access;
mod actions;
mod board;
mod compare;
mod credentials;
mod faults;
mod http;
mod metrics;
mod oidc;
mod pages;
mod replay;
mod secrets;
mod shop;
mod stream;
mod types;
mod v1;
