//! Two replicas of the real binary over one PostgreSQL and one NATS of their own, while one thing after the other breaks
//! under 32 senders; and what two replicas do at the same time.

mod ambiguous_commit;
mod cut_off;
mod every_api;
mod gate;
mod market;
mod outages;
mod pair;
mod postgres_proxy;
mod senders;
mod streams;
mod together;
mod verdict;
