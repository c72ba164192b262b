//! What turns addresses into brokers and backends. The façade has the one that knows every driver.

use std::{fmt, sync::Arc};

use crate::{
    BoxFuture, Error, ErrorKind,
    backend::ResultBackend,
    broker::Broker,
    config::{Settings, Urls},
    schedule::ScheduleStore,
};

/// Opens brokers and result backends by the scheme of their address.
///
/// Both methods run on the app's I/O thread, so what they spawn lives as long as the app.
pub trait Drivers: Send + Sync + fmt::Debug + 'static {
    /// Opens a broker.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an address no driver knows; [`ErrorKind::Connection`] when nobody answers.
    fn broker<'a>(
        &'a self,
        urls: &'a Urls,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>>;

    /// Opens a result backend. `disabled://` never gets here.
    ///
    /// # Errors
    /// As [`broker`](Self::broker).
    fn backend<'a>(
        &'a self,
        urls: &'a Urls,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>>;

    /// Opens a store of schedules. It publishes by itself when its address is the broker's.
    ///
    /// # Errors
    /// As [`broker`](Self::broker).
    fn schedules<'a>(
        &'a self,
        urls: &'a Urls,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ScheduleStore>, Error>> {
        let _ = settings;
        Box::pin(async move { Err(none(urls)) })
    }

    /// Refuses addresses that no driver knows, without connecting. Called when an app is built.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the schemes there are.
    fn check(&self, settings: &Settings) -> Result<(), Error> {
        let _ = settings;
        Ok(())
    }
}

/// The drivers of a program that names none: the façade submits every driver it was built with, so that
/// `App::builder().build()` works wherever the façade is linked.
#[derive(Clone, Copy)]
pub struct LinkedDrivers(pub fn() -> Arc<dyn Drivers>);

inventory::collect!(LinkedDrivers);

/// What is linked, else none.
pub(super) fn linked() -> Arc<dyn Drivers> {
    inventory::iter::<LinkedDrivers>().next().map_or_else(|| Arc::new(NoDrivers) as _, |linked| (linked.0)())
}

/// No drivers: for programs that only describe tasks.
#[derive(Clone, Copy, Debug, Default)]
struct NoDrivers;

fn none(urls: &Urls) -> Error {
    Error::new(ErrorKind::Config, format!("could not open `{urls}`: the app was built without drivers"))
}

impl Drivers for NoDrivers {
    fn broker<'a>(
        &'a self,
        urls: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        Box::pin(async move { Err(none(urls)) })
    }

    fn backend<'a>(
        &'a self,
        urls: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        Box::pin(async move { Err(none(urls)) })
    }
}
