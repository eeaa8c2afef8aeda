//! The shapes of Part 2 as macros, so that a type is declared once, in the field order of the specification, and its reading and
//! writing follow from the declaration. A type that does not fit a shape is written by hand and says why.
//!
//! | macro | declares |
//! |---|---|
//! | `tpm_constants!` | an open set of named numbers (TPM_CC, TPM_ALG_ID): unknown values pass and are judged by whoever uses them |
//! | `tpm_enum!` | a closed set (TPMI_ALG_*, TPM_SU): unknown values are the response code that is named |
//! | `tpma!` | a word of attribute bits, with its reserved bits |
//! | `tpms!` | a record of fields |
//! | `tpmt!` | a TPMT whose selector and TPMU are fused into one enum |
//! | `tpm2b!` | bytes behind a 16-bit size, with their bound |
//! | `tpm2b_struct!` | a structure behind a 16-bit size |
//! | `tpml!` | a list behind a 32-bit count, with its bound |

/// An open set of named numbers.
macro_rules! tpm_constants {
    ($(#[$meta:meta])* pub struct $name:ident($int:ty) { $($(#[$cmeta:meta])* $constant:ident = $value:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl $name {
            $($(#[$cmeta])* pub const $constant: Self = Self($value);)*
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                writer.put(&self.0);
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                <$int as $crate::wire::Unmarshal>::unmarshal(reader).map(Self)
            }
        }
    };
}

/// A closed set of numbers; `else` names the response code for any other.
macro_rules! tpm_enum {
    ($(#[$meta:meta])* pub enum $name:ident($int:ty) else $error:ident {
        $($(#[$vmeta:meta])* $variant:ident = $value:expr,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant,)* }

        impl $name {
            /// Every value, in the order of declaration.
            #[allow(unused_doc_comments, reason = "a member's attributes are its documentation, and whether it is there")]
            pub const ALL: &'static [Self] = &[$($(#[$vmeta])* Self::$variant),*];

            /// The number on the wire.
            #[allow(unused_doc_comments, reason = "a member's attributes are its documentation, and whether it is there")]
            pub const fn value(self) -> $int {
                match self { $($(#[$vmeta])* Self::$variant => $value,)* }
            }

            /// The member with this number.
            #[allow(unused_doc_comments, reason = "a member's attributes are its documentation, and whether it is there")]
            pub const fn from_value(value: $int) -> Option<Self> {
                $($(#[$vmeta])* if value == $value {
                    return Some(Self::$variant);
                })*
                None
            }
        }

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                writer.put(&self.value());
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                let value = <$int as $crate::wire::Unmarshal>::unmarshal(reader)?;
                Self::from_value(value).ok_or($crate::structures::TpmRc::$error)
            }
        }
    };
}

/// A word of attribute bits; a set bit of `reserved` is TPM_RC_RESERVED_BITS.
macro_rules! tpma {
    ($(#[$meta:meta])* pub struct $name:ident($int:ty) reserved $reserved:literal {
        $($(#[$bmeta:meta])* $bit:ident = $value:expr,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name($int);

        impl $name {
            $($(#[$bmeta])* pub const $bit: Self = Self($value);)*

            /// No bit set.
            pub const fn empty() -> Self {
                Self(0)
            }

            /// These very bits, which must come from this TPM, not from a caller.
            pub const fn from_bits(bits: $int) -> Self {
                Self(bits)
            }

            /// The word.
            pub const fn bits(self) -> $int {
                self.0
            }

            /// Whether all bits of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether a bit of `other` is set.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// The word with the bits of `other` set.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The word with the bits of `other` clear.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// The word with the bits of `other` set or clear.
            #[must_use]
            pub const fn set_to(self, other: Self, set: bool) -> Self {
                if set { self.with(other) } else { self.without(other) }
            }
        }

        impl ::core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                writer.put(&self.0);
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                let bits = <$int as $crate::wire::Unmarshal>::unmarshal(reader)?;
                let reserved: $int = $reserved;
                if bits & reserved != 0 {
                    return Err($crate::structures::TpmRc::RESERVED_BITS);
                }
                Ok(Self(bits))
            }
        }
    };
}

/// A record of fields.
macro_rules! tpms {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* }

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                $(writer.put(&self.$field);)*
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                $(let $field = <$type as $crate::wire::Unmarshal>::unmarshal(reader)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// A selector and its union, fused; `else` names the response code for a selector that is not here.
macro_rules! tpmt {
    ($(#[$meta:meta])* pub enum $name:ident($selector:ty) else $error:ident {
        $($(#[$vmeta:meta])* $variant:ident $(($payload:ty))? = $value:expr,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vmeta])* $variant $(($payload))?,)* }

        impl $name {
            /// The selector on the wire.
            #[allow(unused_doc_comments, reason = "a member's attributes are its documentation, and whether it is there")]
            pub const fn selector(&self) -> $selector {
                match self { $($(#[$vmeta])* $crate::wire::shapes::tpmt!(@any $name $variant $($payload)?) => $value,)* }
            }

            /// Appends the union's member without the selector, for structures where the two stand apart.
            #[allow(unused_doc_comments, reason = "a member's attributes are its documentation, and whether it is there")]
            pub fn marshal_member(&self, writer: &mut $crate::wire::Writer) {
                match self {
                    $($(#[$vmeta])* $crate::wire::shapes::tpmt!(@bind $name $variant member $($payload)?) => {
                        $crate::wire::shapes::tpmt!(@put writer member $($payload)?);
                    })*
                }
            }

            /// Reads the union's member for a selector that was read before.
            #[allow(unused_doc_comments, reason = "a member's attributes are its documentation, and whether it is there")]
            pub fn unmarshal_member(
                selector: $selector,
                reader: &mut $crate::wire::Reader<'_>,
            ) -> Result<Self, $crate::structures::TpmRc> {
                $($(#[$vmeta])* if selector == $value {
                    return Ok($crate::wire::shapes::tpmt!(@read reader $name $variant $($payload)?));
                })*
                Err($crate::structures::TpmRc::$error)
            }
        }

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                writer.put(&self.selector());
                self.marshal_member(writer);
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                let selector = <$selector as $crate::wire::Unmarshal>::unmarshal(reader)?;
                Self::unmarshal_member(selector, reader)
            }
        }
    };
    (@any $name:ident $variant:ident) => { $name::$variant };
    (@any $name:ident $variant:ident $payload:ty) => { $name::$variant(_) };
    (@bind $name:ident $variant:ident $member:ident) => { $name::$variant };
    (@bind $name:ident $variant:ident $member:ident $payload:ty) => { $name::$variant($member) };
    (@put $writer:ident $member:ident) => { let _: &$crate::wire::Writer = $writer; };
    (@put $writer:ident $member:ident $payload:ty) => { $writer.put($member) };
    (@read $reader:ident $name:ident $variant:ident) => { $name::$variant };
    (@read $reader:ident $name:ident $variant:ident $payload:ty) => {
        $name::$variant(<$payload as $crate::wire::Unmarshal>::unmarshal($reader)?)
    };
}

/// Bytes behind a 16-bit size, wiped when dropped. `secret` types show nothing but their length in `Debug`; all of them compare in
/// constant time (for equal lengths), so that no use has to remember to.
macro_rules! tpm2b {
    ($(#[$meta:meta])* pub struct $name:ident: max $max:expr) => {
        $crate::wire::shapes::tpm2b!(@type $(#[$meta])* $name, $max);

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                for byte in &self.bytes {
                    write!(f, "{byte:02x}")?;
                }
                write!(f, ")")
            }
        }
    };
    ($(#[$meta:meta])* pub secret struct $name:ident: max $max:expr) => {
        $crate::wire::shapes::tpm2b!(@type $(#[$meta])* $name, $max);

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(f, concat!(stringify!($name), "({} secret bytes)"), self.bytes.len())
            }
        }
    };
    (@type $(#[$meta:meta])* $name:ident, $max:expr) => {
        $(#[$meta])*
        #[derive(Clone, Default)]
        pub struct $name {
            bytes: ::alloc::vec::Vec<u8>,
        }

        impl ::zeroize::Zeroize for $name {
            fn zeroize(&mut self) {
                $crate::wipe::Wipe::wipe(&mut self.bytes);
            }
        }

        impl Drop for $name {
            #[inline]
            fn drop(&mut self) {
                // Asked first, because many are empty, and an interpreter pays for every call.
                if self.bytes.capacity() != 0 {
                    $crate::wipe::Wipe::wipe(&mut self.bytes);
                }
            }
        }

        impl ::zeroize::ZeroizeOnDrop for $name {}

        const _: () = assert!($max <= u16::MAX as usize);

        impl $name {
            /// Most bytes that it holds.
            pub const MAX: usize = $max;

            /// No bytes.
            pub const fn empty() -> Self {
                Self { bytes: ::alloc::vec::Vec::new() }
            }

            /// A copy of `bytes`; TPM_RC_SIZE when there are more than [`Self::MAX`].
            pub fn new(bytes: &[u8]) -> Result<Self, $crate::structures::TpmRc> {
                if bytes.len() > Self::MAX {
                    return Err($crate::structures::TpmRc::SIZE);
                }
                Ok(Self { bytes: bytes.to_vec() })
            }

            /// These very bytes; TPM_RC_SIZE when there are more than [`Self::MAX`].
            pub fn from_vec(mut bytes: ::alloc::vec::Vec<u8>) -> Result<Self, $crate::structures::TpmRc> {
                if bytes.len() > Self::MAX {
                    $crate::wipe::Wipe::wipe(&mut bytes);
                    return Err($crate::structures::TpmRc::SIZE);
                }
                Ok(Self { bytes })
            }

            /// Reads the bytes of one and leaves them where they are; the errors are those of `unmarshal`.
            pub fn lent<'a>(reader: &mut $crate::wire::Reader<'a>) -> Result<&'a [u8], $crate::structures::TpmRc> {
                let size = usize::from(<u16 as $crate::wire::Unmarshal>::unmarshal(reader)?);
                if size > Self::MAX {
                    return Err($crate::structures::TpmRc::SIZE);
                }
                reader.take(size)
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.bytes
            }

            /// How many.
            pub fn len(&self) -> usize {
                self.bytes.len()
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.bytes.is_empty()
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.bytes
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                $crate::constant_time::equal(&self.bytes, &other.bytes)
            }
        }

        impl Eq for $name {}

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                writer.sized_bytes(&self.bytes);
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                Ok(Self { bytes: Self::lent(reader)?.to_vec() })
            }
        }
    };
}

/// A structure behind a 16-bit size. Size 0 is TPM_RC_SIZE. The structure is read against everything that is left, and its size is
/// compared afterwards, so that an inner error comes first, as from other implementations.
macro_rules! tpm2b_struct {
    ($(#[$meta:meta])* pub struct $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                writer.sized(|w| w.put(&self.0));
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                $crate::wire::shapes::unmarshal_sized(reader, <$inner as $crate::wire::Unmarshal>::unmarshal).map(Self)
            }
        }
    };
}

/// A list behind a 32-bit count; more than `max` elements are TPM_RC_SIZE.
macro_rules! tpml {
    ($(#[$meta:meta])* pub struct $name:ident[$element:ty]: max $max:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            elements: ::alloc::vec::Vec<$element>,
        }

        const _: () = assert!($max <= u16::MAX as usize);

        impl $name {
            /// Most elements that it holds.
            pub const MAX: usize = $max;

            /// No elements.
            pub const fn empty() -> Self {
                Self { elements: ::alloc::vec::Vec::new() }
            }

            /// These elements; TPM_RC_SIZE when there are more than [`Self::MAX`].
            pub fn new(elements: ::alloc::vec::Vec<$element>) -> Result<Self, $crate::structures::TpmRc> {
                if elements.len() > Self::MAX {
                    return Err($crate::structures::TpmRc::SIZE);
                }
                Ok(Self { elements })
            }

            /// The elements in their order.
            pub fn as_slice(&self) -> &[$element] {
                &self.elements
            }

            /// The elements in their order.
            pub fn iter(&self) -> ::core::slice::Iter<'_, $element> {
                self.elements.iter()
            }

            /// How many.
            pub fn len(&self) -> usize {
                self.elements.len()
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.elements.is_empty()
            }
        }

        impl<'a> IntoIterator for &'a $name {
            type Item = &'a $element;
            type IntoIter = ::core::slice::Iter<'a, $element>;

            fn into_iter(self) -> Self::IntoIter {
                self.elements.iter()
            }
        }

        impl $crate::wire::Marshal for $name {
            fn marshal(&self, writer: &mut $crate::wire::Writer) {
                writer.put(&u32::try_from(self.elements.len()).unwrap_or(u32::MAX));
                for element in &self.elements {
                    writer.put(element);
                }
            }
        }

        impl $crate::wire::Unmarshal for $name {
            fn unmarshal(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                let count = <u32 as $crate::wire::Unmarshal>::unmarshal(reader)?;
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                if count > Self::MAX {
                    return Err($crate::structures::TpmRc::SIZE);
                }
                let mut elements = ::alloc::vec::Vec::with_capacity(count);
                for _ in 0..count {
                    elements.push(<$element as $crate::wire::Unmarshal>::unmarshal(reader)?);
                }
                Ok(Self { elements })
            }
        }
    };
}

pub(crate) use {tpm_constants, tpm_enum, tpm2b, tpm2b_struct, tpma, tpml, tpms, tpmt};

use super::{Reader, Unmarshal};
use crate::structures::TpmRc;

/// Reads what stands behind a 16-bit size with `read`, under the rule of `tpm2b_struct!`.
pub(crate) fn unmarshal_sized<T>(
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, TpmRc>,
) -> Result<T, TpmRc> {
    let size = usize::from(u16::unmarshal(reader)?);
    if size == 0 {
        return Err(TpmRc::SIZE);
    }
    let before = reader.remaining();
    let value = read(reader)?;
    if before.checked_sub(reader.remaining()) == Some(size) {
        Ok(value)
    } else {
        Err(TpmRc::SIZE)
    }
}
