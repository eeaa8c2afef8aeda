//! DER, as far as certificates need it (X.690 §8 to §11): elements one after the other, each a tag, a length and contents.
//!
//! What is read comes from a caller. The reader takes definite lengths in their shortest form and tags of one byte, which is all that DER allows here, and
//! stops for good at anything else. The writer is for the TPM's own elements.

use alloc::vec::Vec;

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// NULL.
pub const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;

/// A constructed element with a context-specific tag.
pub const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The tag.
    pub tag: u8,
    /// The contents.
    pub contents: &'a [u8],
    /// Tag, length and contents.
    pub whole: &'a [u8],
}

/// Elements that stand one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

/// What was read is not DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl<'a> Elements<'a> {
    /// The elements in these bytes.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn element(&self) -> Result<(Element<'a>, &'a [u8]), Malformed> {
        let (&tag, rest) = self.rest.split_first().ok_or(Malformed)?;
        if tag & 0x1F == 0x1F {
            return Err(Malformed);
        }
        let (&first, rest) = rest.split_first().ok_or(Malformed)?;
        let (size, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            0x81 | 0x82 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F)).ok_or(Malformed)?;
                let size = bytes.iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
                let shortest = if first == 0x81 { 0x80 } else { 0x100 };
                if size < shortest {
                    return Err(Malformed);
                }
                (size, rest)
            }
            _ => return Err(Malformed),
        };
        let (contents, rest) = rest.split_at_checked(size).ok_or(Malformed)?;
        let (whole, _) = self
            .rest
            .split_at_checked(self.rest.len() - rest.len())
            .ok_or(Malformed)?;
        Ok((Element { tag, contents, whole }, rest))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let outcome = self.element();
        self.rest = outcome.map_or(&[], |(_, rest)| rest);
        Some(outcome.map(|(element, _)| element))
    }
}

/// The value of a BIT STRING of at most 32 bits, its first bit in the most significant place; none for anything else. Bits that DER leaves out at the
/// end are zeros.
pub fn bits(contents: &[u8]) -> Option<u32> {
    let (&unused, bytes) = contents.split_first()?;
    let mut word = [0; 4];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let last = bytes.last().copied().unwrap_or(0);
    let tail = 1u8.checked_shl(u32::from(unused)).map(|bit| bit - 1)?;
    (last & tail == 0 && (unused == 0 || !bytes.is_empty())).then_some(u32::from_be_bytes(word))
}

/// An element with these contents, which are not longer than 65,535 bytes.
pub fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let size: usize = contents.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(4 + size);
    bytes.push(tag);
    match size {
        0..=0x7F => bytes.push(size as u8),
        0x80..=0xFF => bytes.extend([0x81, size as u8]),
        _ => {
            bytes.push(0x82);
            bytes.extend((size as u16).to_be_bytes());
        }
    }
    contents.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// A positive INTEGER: without zeros in front, but for one that keeps it positive.
pub fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    match number.first() {
        Some(0..=0x7F) => element(INTEGER, &[number]),
        _ => element(INTEGER, &[&[0], number]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_they_were_written() {
        // X.690 §8.1.3: lengths up to 127 in one byte, longer ones behind their number of bytes.
        for (size, header) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (255, &[4, 0x81, 255]),
            (256, &[4, 0x82, 1, 0]),
            (1000, &[4, 0x82, 3, 0xE8]),
        ] {
            let contents = alloc::vec![7; size];
            let bytes = element(OCTET_STRING, &[&contents]);
            assert!(bytes.starts_with(header), "{size}");
            let read: Vec<_> = Elements::new(&bytes).collect();
            let expected = Element {
                tag: OCTET_STRING,
                contents: &contents,
                whole: &bytes,
            };
            assert_eq!(read, [Ok(expected)]);
        }
    }

    #[test]
    fn anything_but_der_stops_the_reader() {
        for bad in [
            &[0x30][..],
            &[0x30, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81, 1, 0],
            &[0x30, 0x82, 0, 1, 0],
            &[0x30, 0x83, 0, 0, 0],
            &[0x30, 0x82, 1],
            &[0x1F, 0],
            &[0x3F, 1, 0],
        ] {
            let read: Vec<_> = Elements::new(bad).collect();
            assert_eq!(read, [Err(Malformed)], "{bad:x?}");
        }
    }

    #[test]
    fn bit_strings_are_left_justified() {
        // X.690 §8.6; RFC 5280 §4.2.1.3: digitalSignature is bit 0.
        assert_eq!(bits(&[7, 0x80]), Some(0x8000_0000));
        assert_eq!(bits(&[0, 0x00, 0x04, 0x04, 0x72]), Some(0x0004_0472));
        assert_eq!(bits(&[1, 0xF2]), Some(0xF200_0000));
        assert_eq!(bits(&[0]), Some(0));
        for bad in [&[][..], &[1], &[8, 0], &[2, 0x02], &[0, 1, 2, 3, 4, 5]] {
            assert_eq!(bits(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn integers_are_positive_and_short() {
        assert_eq!(integer(&[0, 0, 1, 2]), [2, 2, 1, 2]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[]), [2, 1, 0]);
    }
}
