//! Pictures of every kind, made in memory.
