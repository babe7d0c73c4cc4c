//! Eight bytes of a text at once, as a number: the first byte is the lowest.

/// A one in each byte.
pub(crate) const LOW_BITS: u64 = u64::from_le_bytes([0x01; 8]);

/// The highest bit of each byte.
pub(crate) const HIGH_BITS: u64 = LOW_BITS << 7;

/// The same byte splat times.
pub(crate) const fn splat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}
