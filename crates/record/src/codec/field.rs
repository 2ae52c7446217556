//! What a field may hold, and how a struct is written as its fields.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    convert::identity,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use portcullis_domain::{Id, NanoDollars, Noun, Timestamp};
use uuid::Uuid;

use super::wire::{Malformed, Put, Take, number, pair, text, unzigzag, zigzag};

/// The value of one field.
pub(super) trait Field: Sized {
    /// What it is as long as nothing is known.
    fn blank() -> Self;

    /// Appends it under its tag, or nothing where it is absent.
    fn put(&self, tag: u8, out: &mut Put<'_>);

    /// Takes over what was written under its tag.
    fn take(&mut self, value: &[u8]) -> Result<(), Malformed>;
}

/// A struct as its fields: see [`fields!`].
pub(super) trait Fields: Sized {
    /// With blank fields.
    fn blank() -> Self;

    /// Appends its fields.
    fn put(&self, out: &mut Put<'_>);

    /// Takes over what was written under this tag, or nothing if it is a later version's.
    fn take(&mut self, tag: u8, value: &[u8]) -> Result<(), Malformed>;
}

/// Writes a struct as its fields, each with its tag. None can be forgotten. New ones take new tags.
macro_rules! fields {
    ($whole:ident { $($tag:literal $field:ident,)* }) => {
        impl Fields for $whole {
            fn blank() -> Self {
                Self { $($field: Field::blank(),)* }
            }

            fn put(&self, out: &mut Put<'_>) {
                let Self { $($field,)* } = self;
                $(Field::put($field, $tag, out);)*
            }

            fn take(&mut self, tag: u8, value: &[u8]) -> Result<(), Malformed> {
                match tag {
                    $($tag => Field::take(&mut self.$field, value),)*
                    _ => Ok(()),
                }
            }
        }
    };
}

/// Writes an enum as numbers. The first is the blank one; of another there is this to say.
macro_rules! codes {
    ($kind:ident, $unknown:literal { 1 $first:ident, $($code:literal $variant:ident,)* }) => {
        impl Field for $kind {
            fn blank() -> Self {
                Self::$first
            }

            fn put(&self, tag: u8, out: &mut Put<'_>) {
                out.number(tag, match self {
                    Self::$first => 1,
                    $(Self::$variant => $code,)*
                });
            }

            fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
                *self = match number(value)? {
                    1 => Self::$first,
                    $($code => Self::$variant,)*
                    _ => return Err(Malformed($unknown)),
                };
                Ok(())
            }
        }
    };
}

pub(super) use {codes, fields};

/// Fields within a field.
impl<T: Fields> Field for T {
    fn blank() -> Self {
        T::blank()
    }

    fn put(&self, tag: u8, out: &mut Put<'_>) {
        out.group(tag, |out| self.put(out));
    }

    fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
        *self = T::blank();
        let mut take = Take(value);
        while let Some((tag, value)) = take.field()? {
            self.take(tag, value)?;
        }
        Ok(())
    }
}

impl<T: Field> Field for Option<T> {
    fn blank() -> Self {
        None
    }

    fn put(&self, tag: u8, out: &mut Put<'_>) {
        if let Some(value) = self {
            value.put(tag, out);
        }
    }

    fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
        self.insert(T::blank()).take(value)
    }
}

impl<N: Noun> Field for Id<N> {
    fn blank() -> Self {
        Self::from_uuid(Uuid::nil())
    }

    fn put(&self, tag: u8, out: &mut Put<'_>) {
        out.bytes(tag, self.as_bytes());
    }

    fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let bytes = value.try_into().map_err(|_| Malformed("an id has not sixteen bytes"))?;
        *self = Self::from_uuid(Uuid::from_bytes(bytes));
        Ok(())
    }
}

impl Field for IpAddr {
    fn blank() -> Self {
        Ipv4Addr::UNSPECIFIED.into()
    }

    fn put(&self, tag: u8, out: &mut Put<'_>) {
        match self {
            Self::V4(address) => out.bytes(tag, &address.octets()),
            Self::V6(address) => out.bytes(tag, &address.octets()),
        }
    }

    fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let v4 = <[u8; 4]>::try_from(value).map(Self::from);
        let v6 = || <[u8; 16]>::try_from(value).map(Self::from);
        let address = v4.or_else(|_| v6());
        *self = address.map_err(|_| Malformed("an address has neither 4 nor 16 bytes"))?;
        Ok(())
    }
}

impl Field for bool {
    fn blank() -> Self {
        false
    }

    fn put(&self, tag: u8, out: &mut Put<'_>) {
        if *self {
            out.number(tag, 1);
        }
    }

    fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
        *self = number(value)? != 0;
        Ok(())
    }
}

/// One field for each pair.
impl Field for BTreeMap<String, String> {
    fn blank() -> Self {
        Self::new()
    }

    fn put(&self, tag: u8, out: &mut Put<'_>) {
        for (name, value) in self {
            out.pair(tag, name, value);
        }
    }

    fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let (name, value) = pair(value)?;
        self.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}

/// Fields that are numbers: how to make one of a value, and a value of one.
macro_rules! numbers {
    ($($kind:ty: $to:expr, $of:expr;)*) => {$(
        impl Field for $kind {
            fn blank() -> Self {
                $of(0)
            }

            fn put(&self, tag: u8, out: &mut Put<'_>) {
                out.number(tag, $to(*self));
            }

            fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
                *self = $of(number(value)?);
                Ok(())
            }
        }
    )*};
}

numbers! {
    u64: identity, identity;
    i32: |value: i32| zigzag(value.into()), |number| unzigzag(number) as i32;
    NanoDollars: |value: NanoDollars| zigzag(value.0), |number| NanoDollars(unzigzag(number));
    Timestamp: |value: Timestamp| value.micros() as u64,
        |number: u64| Timestamp::from_micros(number as i64);
}

/// Fields that are numbers of fewer bits.
macro_rules! small_numbers {
    ($($kind:ty),*) => {$(
        impl Field for $kind {
            fn blank() -> Self {
                0
            }

            fn put(&self, tag: u8, out: &mut Put<'_>) {
                out.number(tag, (*self).into());
            }

            fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
                let number = number(value)?.try_into();
                *self = number.map_err(|_| Malformed("a number is too large"))?;
                Ok(())
            }
        }
    )*};
}

small_numbers!(u16, u32);

/// Fields that are texts: how to make one of what was read.
macro_rules! texts {
    ($($kind:ty: $of:expr;)*) => {$(
        impl Field for $kind {
            fn blank() -> Self {
                Self::default()
            }

            fn put(&self, tag: u8, out: &mut Put<'_>) {
                out.bytes(tag, self.as_bytes());
            }

            fn take(&mut self, value: &[u8]) -> Result<(), Malformed> {
                *self = $of(text(value)?);
                Ok(())
            }
        }
    )*};
}

texts! {
    String: str::to_owned;
    Arc<str>: Arc::from;
    Cow<'static, str>: |text: &str| Cow::Owned(text.to_owned());
}
