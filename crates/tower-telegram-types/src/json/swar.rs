//! Eight bytes of a text at once, as a number: the first byte is the lowest.

/// A one in each byte.
pub(crate) const ONES: u64 = u64::from_le_bytes([0x01; 8]);

/// The highest bit of each byte.
pub(crate) const HIGHS: u64 = ONES << 7;

/// The same byte eight times.
pub(crate) const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}
