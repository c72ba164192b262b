//! Which driver opens an address, by its scheme.

#[cfg(feature = "amqp")]
mod amqp;
mod memory;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::Arc;

use taskq_core::{
    BoxFuture, Error, ErrorKind,
    app::{Drivers, LinkedDrivers},
    backend::ResultBackend,
    broker::Broker,
    config::{ServiceUrl, Settings, Urls},
    schedule::ScheduleStore,
};

/// Every driver this crate was built with. [`App::builder`](crate::App::builder) finds it by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllDrivers;

/// The family of drivers that a scheme belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Memory,
    Sqlite,
    Redis,
    Amqp,
}

/// What an address is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Broker,
    Backend,
    Schedules,
}

impl Role {
    fn setting(self) -> &'static str {
        match self {
            Self::Broker => "broker_url",
            Self::Backend => "result_backend",
            Self::Schedules => "beat_store",
        }
    }

    fn schemes(self) -> &'static str {
        match self {
            Self::Broker => {
                "`sqlite:`, `redis://`, `rediss://`, `redis+socket://`, `unix://`, `sentinel://`, `amqp://`, \
                 `pyamqp://`, `amqps://`, `memory://`"
            }
            Self::Schedules => {
                "`sqlite:`, `redis://`, `rediss://`, `redis+socket://`, `unix://`, `sentinel://`, `memory://`"
            }
            Self::Backend => {
                "`sqlite:`, `redis://`, `rediss://`, `redis+socket://`, `unix://`, `sentinel://`, `memory://`, \
                 `rpc://`, `disabled://`"
            }
        }
    }
}

fn family(url: &ServiceUrl, role: Role) -> Result<Family, Error> {
    let refuse = |why: String| Err(Error::new(ErrorKind::Config, format!("{}: {why}", role.setting())));
    let feature = |has: bool, family, name: &str| {
        if has {
            Ok(family)
        } else {
            refuse(format!(
                "`{url}` needs the feature `{name}` of the crate `taskq`, which this program was built without"
            ))
        }
    };
    match url.scheme().as_ref() {
        "memory" | "cache+memory" => Ok(Family::Memory),
        "sqlite" => feature(cfg!(feature = "sqlite"), Family::Sqlite, "sqlite"),
        "redis" | "rediss" | "redis+socket" | "unix" | "sentinel" => {
            feature(cfg!(feature = "redis"), Family::Redis, "redis")
        }
        "amqp" | "amqps" | "pyamqp" | "rpc" if (role == Role::Backend) == (url.scheme() == "rpc") => {
            feature(cfg!(feature = "amqp"), Family::Amqp, "amqp")
        }
        _ => refuse(format!("no driver for `{url}`; there are {}", role.schemes())),
    }
}

/// Drivers fail over among addresses of one kind only.
fn family_of_all(urls: &Urls, role: Role) -> Result<Family, Error> {
    let first = family(urls.first(), role)?;
    for url in urls.iter() {
        if family(url, role)? != first {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "{}: `{urls}` mixes kinds of servers: fail over works among one kind",
                    role.setting()
                ),
            ));
        }
    }
    Ok(first)
}

fn left_out(urls: &Urls) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the driver of `{urls}` is not part of this build"))
}

inventory::submit! { LinkedDrivers(|| Arc::new(AllDrivers)) }

impl Drivers for AllDrivers {
    fn broker<'a>(
        &'a self,
        urls: &'a Urls,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        Box::pin(async move {
            match family_of_all(urls, Role::Broker)? {
                Family::Memory => Ok(memory::broker(urls, settings)),
                #[cfg(feature = "redis")]
                Family::Redis => redis::broker(urls, settings).await,
                #[cfg(feature = "sqlite")]
                Family::Sqlite => sqlite::broker(urls, settings).await,
                #[cfg(feature = "amqp")]
                Family::Amqp => amqp::broker(urls, settings).await,
                // Refused above in builds without them.
                #[cfg(not(all(feature = "amqp", feature = "redis", feature = "sqlite")))]
                _ => Err(left_out(urls)),
            }
        })
    }

    fn backend<'a>(
        &'a self,
        urls: &'a Urls,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        Box::pin(async move {
            match family_of_all(urls, Role::Backend)? {
                #[cfg(feature = "amqp")]
                Family::Amqp => amqp::backend(settings).await,
                Family::Memory => Ok(memory::backend(urls, settings)),
                #[cfg(feature = "redis")]
                Family::Redis => redis::backend(urls, settings).await,
                #[cfg(feature = "sqlite")]
                Family::Sqlite => sqlite::backend(urls, settings).await,
                // Refused above in builds without them.
                #[cfg(not(all(feature = "amqp", feature = "redis", feature = "sqlite")))]
                _ => Err(left_out(urls)),
            }
        })
    }

    fn schedules<'a>(
        &'a self,
        urls: &'a Urls,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ScheduleStore>, Error>> {
        Box::pin(async move {
            match family_of_all(urls, Role::Schedules)? {
                Family::Memory => Ok(memory::schedules(urls)),
                #[cfg(feature = "redis")]
                Family::Redis => redis::schedules(urls, settings).await,
                #[cfg(feature = "sqlite")]
                Family::Sqlite => sqlite::schedules(urls, settings).await,
                _ => Err(left_out(urls)),
            }
        })
    }

    fn check(&self, settings: &Settings) -> Result<(), Error> {
        family_of_all(settings.write_url(), Role::Broker)?;
        family_of_all(settings.read_url(), Role::Broker)?;
        let backend = settings.backend_url();
        if backend.scheme() != "disabled" {
            let family = family_of_all(&backend, Role::Backend)?;
            if family == Family::Amqp && family_of_all(settings.write_url(), Role::Broker)? != family {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!(
                        "result_backend: `rpc://` sends results through RabbitMQ, but the broker is `{}`",
                        settings.write_url()
                    ),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(broker: &str) -> Result<Family, String> {
        family_of_all(&Urls::parse(broker).unwrap(), Role::Broker).map_err(|error| error.to_string())
    }

    #[test]
    fn schemes_find_their_drivers() {
        assert_eq!(check("memory://"), Ok(Family::Memory));
        assert_eq!(check("sqlite:./a.db"), Ok(Family::Sqlite));
        for url in ["redis://h", "rediss://h", "redis+socket:///s", "unix:///s", "sentinel://a;sentinel://b"]
        {
            assert_eq!(check(url), Ok(Family::Redis), "{url}");
        }
        for url in ["amqp://h", "pyamqp://h//", "amqps://h/v"] {
            assert_eq!(check(url), Ok(Family::Amqp), "{url}");
        }
    }

    #[test]
    fn others_are_refused_with_the_ones_there_are() {
        let error = check("kafka://me:secret@h").unwrap_err();
        assert!(error.contains("`redis://`") && !error.contains("secret"), "{error}");
        let results = Urls::parse("amqp://").unwrap();
        assert!(
            family_of_all(&results, Role::Backend)
                .unwrap_err()
                .to_string()
                .contains("no driver for `amqp://`")
        );
        assert!(check("redis://h;sqlite:a.db").unwrap_err().contains("mixes"));
    }
}
