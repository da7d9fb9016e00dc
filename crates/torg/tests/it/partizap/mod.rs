//! Tests of this face come with it.
