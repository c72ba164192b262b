//! The builder methods of a call, written once for everything that carries [`SendOptions`](super::SendOptions).

/// Methods for an `impl` block of a type that has `SendOptions` at the given path: `[.options]` for a field,
/// `[]` for the options themselves.
#[doc(hidden)]
#[macro_export]
macro_rules! __send_option_methods {
    ([$($path:tt)*]) => {
        /// Runs it not before this long from now.
        pub fn countdown(mut self, delay: impl $crate::task::IntoDuration) -> Self {
            self $($path)* .countdown = ::core::option::Option::Some($crate::task::IntoDuration::into_duration(delay));
            self
        }

        /// Runs it not before this time; wins over `countdown`.
        pub fn eta(mut self, at: $crate::Timestamp) -> Self {
            self $($path)* .eta = ::core::option::Option::Some(at);
            self
        }

        /// Does not run it after this time, or after so long.
        pub fn expires(mut self, expiry: impl ::core::convert::Into<$crate::send::Expiry>) -> Self {
            self $($path)* .expires = ::core::option::Option::Some(expiry.into());
            self
        }

        /// Gives it an id of the caller's choice.
        pub fn task_id(mut self, id: impl ::core::convert::Into<$crate::protocol::TaskId>) -> Self {
            self $($path)* .task_id = ::core::option::Option::Some(id.into());
            self
        }

        /// Sends this after success, with the result as its first argument. May be called several times.
        pub fn link(mut self, callback: impl ::core::convert::Into<$crate::canvas::Signature>) -> Self {
            self $($path)* .link.push(callback.into());
            self
        }

        /// Sends this after failure, with the task's id as its first argument. May be called several times.
        pub fn link_error(mut self, errback: impl ::core::convert::Into<$crate::canvas::Signature>) -> Self {
            self $($path)* .link_error.push(errback.into());
            self
        }

        /// Shows it under another name in logs and events.
        pub fn shadow(mut self, name: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .shadow = ::core::option::Option::Some(name.into());
            self
        }

        /// Shows this instead of the positional arguments in logs, events and tools: for secrets.
        pub fn argsrepr(mut self, text: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .argsrepr = ::core::option::Option::Some(text.into());
            self
        }

        /// Shows this instead of the keyword arguments in logs, events and tools: for secrets.
        pub fn kwargsrepr(mut self, text: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .kwargsrepr = ::core::option::Option::Some(text.into());
            self
        }

        /// Sends it to this queue.
        pub fn queue(mut self, name: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .queue = ::core::option::Option::Some(name.into());
            self
        }

        /// Sends it to this exchange.
        pub fn exchange(mut self, name: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .exchange = ::core::option::Option::Some(name.into());
            self
        }

        /// The type of that exchange.
        pub fn exchange_type(mut self, kind: $crate::broker::ExchangeKind) -> Self {
            self $($path)* .exchange_type = ::core::option::Option::Some(kind);
            self
        }

        /// Sends it with this routing key.
        pub fn routing_key(mut self, key: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .routing_key = ::core::option::Option::Some(key.into());
            self
        }

        /// Its priority, 0 to 9: 9 goes first (on Redis see the setting `redis_priority`).
        pub fn priority(mut self, priority: u8) -> Self {
            self $($path)* .set_priority(priority);
            self
        }

        /// Writes the body in this format.
        pub fn serializer(mut self, format: $crate::codec::Serializer) -> Self {
            self $($path)* .serializer = ::core::option::Option::Some(format);
            self
        }

        /// Compresses the body: `zlib`, `bzip2`, `lzma`, `brotli`, `zstd`.
        pub fn compression(mut self, name: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .compression = ::core::option::Option::Some(name.into());
            self
        }

        /// Adds a header.
        pub fn header(
            mut self,
            name: impl ::core::convert::Into<::std::string::String>,
            value: impl ::core::convert::Into<$crate::codec::Value>,
        ) -> Self {
            self $($path)* .headers.insert(name.into(), value.into());
            self
        }

        /// Adds a stamp, which every task of the workflow carries.
        pub fn stamp(
            mut self,
            name: impl ::core::convert::Into<::std::string::String>,
            value: impl ::core::convert::Into<$crate::codec::Value>,
        ) -> Self {
            self $($path)* .stamps.insert(name.into(), value.into());
            self
        }

        /// Adds a message property.
        pub fn property(
            mut self,
            name: impl ::core::convert::Into<::std::string::String>,
            value: impl ::core::convert::Into<$crate::codec::Value>,
        ) -> Self {
            self $($path)* .properties.insert(name.into(), value.into());
            self
        }

        /// Whether a publish that failed is repeated within its deadline.
        pub fn retry(mut self, retry: bool) -> Self {
            self $($path)* .retry = ::core::option::Option::Some(retry);
            self
        }

        /// How a publish that failed is repeated.
        pub fn retry_policy(mut self, policy: $crate::send::RetryPolicy) -> Self {
            self $($path)* .retry_policy = ::core::option::Option::Some(policy);
            self
        }

        /// Ends the run after so long.
        pub fn time_limit(mut self, limit: impl $crate::task::IntoDuration) -> Self {
            self $($path)* .time_limit = ::core::option::Option::Some($crate::task::IntoDuration::into_duration(limit));
            self
        }

        /// Tells the run after so long that it should end.
        pub fn soft_time_limit(mut self, limit: impl $crate::task::IntoDuration) -> Self {
            self $($path)* .soft_time_limit =
                ::core::option::Option::Some($crate::task::IntoDuration::into_duration(limit));
            self
        }

        /// Stores no result, or stores one although the task says not to.
        pub fn ignore_result(mut self, ignore: bool) -> Self {
            self $($path)* .ignore_result = ::core::option::Option::Some(ignore);
            self
        }

        /// Whether it is recorded as a child of the task that sends it.
        pub fn add_to_parent(mut self, add: bool) -> Self {
            self $($path)* .add_to_parent = ::core::option::Option::Some(add);
            self
        }

        /// Whether the message survives a restart of the broker.
        pub fn delivery_mode(mut self, mode: $crate::protocol::DeliveryMode) -> Self {
            self $($path)* .delivery_mode = ::core::option::Option::Some(mode);
            self
        }

        /// Deadline of the publish.
        pub fn timeout(mut self, timeout: impl $crate::task::IntoDuration) -> Self {
            self $($path)* .timeout = ::core::option::Option::Some($crate::task::IntoDuration::into_duration(timeout));
            self
        }

        /// The queue replies go to.
        pub fn reply_to(mut self, queue: impl ::core::convert::Into<::std::string::String>) -> Self {
            self $($path)* .reply_to = ::core::option::Option::Some(queue.into());
            self
        }
    };
}
