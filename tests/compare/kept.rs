//! What a broker still holds for somebody: everything that is stored on Redis, whoever stored it and wherever; what is
//! in the queue of RabbitMQ once no worker is left.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use lapin::{Connection, ConnectionProperties, options::BasicGetOptions};
use redis::{Commands, RedisResult};
use serde_json::Value;
use taskq_tests::redis_server::RedisServer;

/// The first arguments of all messages anywhere on a Redis.
pub(crate) fn on_redis(server: &RedisServer) -> HashSet<String> {
    let mut connection = server.connect(0);
    let mut read = || -> RedisResult<Vec<Vec<u8>>> {
        let mut texts = Vec::new();
        for key in connection.keys::<_, Vec<Vec<u8>>>("*")? {
            let kind: String = redis::cmd("TYPE").arg(&key).query(&mut connection)?;
            let mut command = redis::cmd(match kind.as_str() {
                "list" => "LRANGE",
                "hash" => "HVALS",
                "zset" => "ZRANGE",
                "string" => "GET",
                _ => continue,
            });
            command.arg(&key);
            match kind.as_str() {
                "list" | "zset" => {
                    texts.extend(command.arg(0).arg(-1).query::<Vec<Vec<u8>>>(&mut connection)?);
                }
                "hash" => texts.extend(command.query::<Vec<Vec<u8>>>(&mut connection)?),
                _ => texts.push(command.query(&mut connection)?),
            }
        }
        Ok(texts)
    };
    let texts = read().expect("an answer from redis");
    texts.iter().flat_map(|text| bodies(&String::from_utf8_lossy(text))).collect()
}

/// The same of what is ready in the queue of a RabbitMQ; it stays there.
pub(crate) async fn on_rabbitmq(url: &str) -> HashSet<String> {
    let read = async {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let mut found = HashSet::new();
        // Nothing is acknowledged: with the connection all of it goes back.
        while let Some(message) = channel.basic_get("celery".into(), BasicGetOptions::default()).await? {
            found.extend(first_argument(&message.data));
        }
        connection.close(200, "read".into()).await?;
        Ok::<_, lapin::Error>(found)
    };
    read.await.expect("an answer from rabbitmq")
}

/// Of every message in a text, also of one that is written inside of another text.
fn bodies(text: &str) -> Vec<String> {
    let text = text.replace("\\\"", "\"");
    let bodies = text.split("\"body\":").skip(1).filter_map(|rest| {
        let body = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        first_argument(&BASE64.decode(body).ok()?)
    });
    bodies.collect()
}

fn first_argument(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body.get(0)?.get(0)?.as_str()?.to_owned())
}
