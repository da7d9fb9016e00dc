//! Names of the values of enums. They may not change as long as the number of the form does not.

/// An enum of the wire, with a name for each value of an enum of the domain.
macro_rules! names {
    ($wire:ident of $name:ident { $($value:ident = $short:literal),+ $(,)? }) => {
        #[derive(Serialize, Deserialize)]
        enum $wire { $(#[serde(rename = $short)] $value),+ }

        impl From<$name> for $wire {
            fn from(value: $name) -> Self {
                match value { $($name::$value => Self::$value),+ }
            }
        }

        impl From<$wire> for $name {
            fn from(value: $wire) -> Self {
                match value { $($wire::$value => Self::$value),+ }
            }
        }
    };
}
pub(super) use names;
