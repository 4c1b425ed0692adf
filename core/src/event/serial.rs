//! Serial numbers.

/// A counter of events: from 0, and after 2^63-1 from 0 again.
///
/// ```
/// let mut serials = visor_core::event::Serials::default();
/// assert_eq!((serials.mint(), serials.mint()), (0, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Serials(u64);

impl Serials {
    /// The greatest serial, which is Python's `sys.maxsize`.
    pub const MAX: u64 = (1 << 63) - 1;

    /// A counter whose next serial is `next`.
    #[must_use]
    pub const fn starting_at(next: u64) -> Self {
        Self(next & Self::MAX)
    }

    /// The next serial.
    pub fn mint(&mut self) -> u64 {
        let serial = self.0;
        self.0 = serial.wrapping_add(1) & Self::MAX;
        serial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_wrap_after_the_greatest() {
        let mut serials = Serials::starting_at(Serials::MAX - 1);
        let minted = [serials.mint(), serials.mint(), serials.mint()];
        assert_eq!(minted, [Serials::MAX - 1, Serials::MAX, 0]);
    }
}
