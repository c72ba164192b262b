-- Goes before scripts that mirror what is held into kombu's `unacked`.
--
-- The name of an entry: the delivery tag, and a digest of the in-flight key and the message. The tag alone is
-- not enough: copies of one message in several queues have the same, and whoever removes the entry has the
-- message. Nothing for what kombu could not restore.
local function mirrored(own, message)
  local ok, envelope = pcall(cjson.decode, message)
  if not ok or type(envelope) ~= 'table' or type(envelope.headers) ~= 'table' then return nil end
  local properties = envelope.properties
  if type(properties) ~= 'table' or type(properties.delivery_tag) ~= 'string' then return nil end
  return properties.delivery_tag .. ':' .. redis.sha1hex(own .. ' ' .. message)
end
