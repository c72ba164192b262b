//! Saved groups in Celery's key and shape: `celery-taskset-meta-<id>` = `{"result": [[id, parent], [member…]]}`.

use redis::Pipeline;
use taskq_core::{
    backend::{BackendError, Child, GroupMeta},
    codec::{CodecError, Map, Value},
};

use super::Inner;
use crate::error;

impl Inner {
    pub(super) fn group_key(&self, id: &str) -> String {
        format!("{}celery-taskset-meta-{id}", self.prefix)
    }

    pub(super) fn encode_group(&self, group: &GroupMeta) -> Result<Vec<u8>, BackendError> {
        let mut map = Map::default();
        map.insert("result".to_owned(), group.clone().into_child().to_value());
        let stored = self.pack(&Value::Map(map)).map_err(|error| {
            BackendError::permanent(format!("could not encode group `{}`", group.id)).caused_by(error)
        })?;
        Ok(stored.to_vec())
    }

    pub(super) fn decode_group(&self, id: &str, stored: Vec<u8>) -> Result<GroupMeta, BackendError> {
        let unreadable = |error: Option<CodecError>| {
            let unreadable = BackendError::permanent(format!("the saved group `{id}` cannot be read"));
            match error {
                Some(error) => unreadable.caused_by(error),
                None => unreadable,
            }
        };
        let value = self.unpack(stored).map_err(|error| unreadable(Some(error)))?;
        value.get("result").and_then(Child::from_value).map(GroupMeta::from).ok_or_else(|| unreadable(None))
    }

    pub(super) async fn save_group(&self, group: &GroupMeta) -> Result<(), BackendError> {
        let (key, stored) = (self.group_key(&group.id), self.encode_group(group)?);
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        match self.options.expires.map(|expires| expires.as_secs().max(1)) {
            Some(seconds) => pipeline.cmd("SETEX").arg(&key).arg(seconds).arg(&stored).ignore(),
            None => pipeline.cmd("SET").arg(&key).arg(&stored).ignore(),
        };
        pipeline.cmd("PUBLISH").arg(&key).arg(&stored).ignore();
        self.link.pipe("save a group", &pipeline).await.map_err(error::backend)
    }

    pub(super) async fn load_group(&self, id: &str) -> Result<Option<GroupMeta>, BackendError> {
        let mut get = redis::cmd("GET");
        get.arg(self.group_key(id));
        let stored: Option<Vec<u8>> =
            self.link.run("read a saved group", &get).await.map_err(error::backend)?;
        stored.map(|stored| self.decode_group(id, stored)).transpose()
    }

    pub(super) async fn forget_group(&self, id: &str) -> Result<(), BackendError> {
        let mut forget = redis::cmd("DEL");
        forget.arg(self.group_key(id));
        self.link.run("forget a saved group", &forget).await.map_err(error::backend)
    }
}
