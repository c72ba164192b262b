//! RabbitMQ as a broker, and `rpc://` results, compatible on the wire with kombu and Celery 5.7.
