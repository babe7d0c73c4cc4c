//! Constants for looking at eight bytes of a text at once. They are one number, and its lowest byte is the first of the text.

/// A one in each byte.
pub(crate) const LOW_BITS: u64 = u64::from_le_bytes([0x01; 8]);

/// The highest bit of each byte.
pub(crate) const HIGH_BITS: u64 = LOW_BITS << 7;

/// A number that has this byte eight times.
pub(crate) const fn splat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}
