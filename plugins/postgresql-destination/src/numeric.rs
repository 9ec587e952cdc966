//! Decimals in the server's binary form: groups of four digits around the point.

use arrow_buffer::i256;

/// Groups that the largest decimal of the model needs: 76 digits before or after the point, cut in
/// an uneven place, and zeros up to a scale of -128.
const GROUPS_MAX: usize = 56;
const GROUP: u16 = 10_000;
const GROUP_DIGITS: i32 = 4;
const NEGATIVE: u16 = 0x4000;

/// Writes a decimal of up to 38 digits with its length in front.
pub(crate) fn write(out: &mut Vec<u8>, unscaled: i128, scale: i8) {
    let mut groups = Groups::new(scale);
    let mut rest = groups.align(unscaled.unsigned_abs());
    while rest > 0 {
        let (before, group) = divided(rest, GROUP);
        groups.push(group);
        rest = before;
    }
    groups.write(out, unscaled < 0, scale);
}

/// Writes a decimal of up to 76 digits with its length in front.
pub(crate) fn write_wide(out: &mut Vec<u8>, unscaled: i256, scale: i8) {
    if let Some(narrow) = unscaled.to_i128() {
        return write(out, narrow, scale);
    }
    let mut groups = Groups::new(scale);
    let negative = unscaled.is_negative();
    let magnitude = if negative { unscaled.wrapping_neg() } else { unscaled };
    let digits = magnitude.to_string();
    let mut digits: &str = &digits;
    let take = usize::try_from(GROUP_DIGITS - groups.shift).unwrap_or(0);
    let mut first = Some(take).filter(|take| *take < GROUP_DIGITS as usize);
    while !digits.is_empty() {
        let length = first.take().unwrap_or(GROUP_DIGITS as usize).min(digits.len());
        let (rest, group) = digits.split_at(digits.len() - length);
        let factor = if groups.count == groups.zeros { groups.factor() } else { 1 };
        groups.push(group.parse::<u16>().unwrap_or(0) * factor);
        digits = rest;
    }
    groups.write(out, negative, scale);
}

/// Quotient and remainder. Division of 128 bits is slow, and most numbers have fewer.
fn divided(number: u128, by: u16) -> (u128, u16) {
    match u64::try_from(number) {
        Ok(short) => ((short / u64::from(by)).into(), (short % u64::from(by)) as u16),
        Err(_) => (number / u128::from(by), (number % u128::from(by)) as u16),
    }
}

/// Groups from the least significant on.
struct Groups {
    digits: [u16; GROUPS_MAX],
    count: usize,
    /// Groups of zeros that a negative scale begins with.
    zeros: usize,
    /// Zeros that fill the last group after the point.
    shift: i32,
    /// Groups after the point.
    after_point: i32,
}

impl Groups {
    fn new(scale: i8) -> Self {
        let scale = i32::from(scale);
        let after_point = (scale.max(0) + GROUP_DIGITS - 1) / GROUP_DIGITS;
        let padding = if scale >= 0 { after_point * GROUP_DIGITS - scale } else { -scale };
        let zeros = usize::try_from(padding / GROUP_DIGITS).unwrap_or(0);
        let shift = padding % GROUP_DIGITS;
        Self { digits: [0; GROUPS_MAX], count: zeros, zeros, shift, after_point }
    }

    fn factor(&self) -> u16 {
        10_u16.pow(self.shift.unsigned_abs())
    }

    /// Cuts off the digits of the first group and returns what stands before them.
    fn align(&mut self, magnitude: u128) -> u128 {
        if self.shift == 0 {
            return magnitude;
        }
        let in_group = 10_u16.pow((GROUP_DIGITS - self.shift).unsigned_abs());
        let (before, group) = divided(magnitude, in_group);
        self.push(group * self.factor());
        before
    }

    fn push(&mut self, group: u16) {
        if let Some(place) = self.digits.get_mut(self.count) {
            *place = group;
            self.count += 1;
        }
    }

    fn write(&self, out: &mut Vec<u8>, negative: bool, scale: i8) {
        let groups = &self.digits[..self.count];
        let leading = groups.iter().rev().take_while(|group| **group == 0).count();
        let groups = &groups[..groups.len() - leading];
        let trailing = groups.iter().take_while(|group| **group == 0).count();
        let weight = groups.len() as i32 - self.after_point - 1;
        let groups = &groups[trailing..];
        let (weight, sign) = match groups.len() {
            0 => (0, 0),
            _ => (weight, if negative { NEGATIVE } else { 0 }),
        };
        out.extend_from_slice(&(8 + 2 * groups.len() as i32).to_be_bytes());
        out.extend_from_slice(&(groups.len() as u16).to_be_bytes());
        out.extend_from_slice(&(weight as i16).to_be_bytes());
        out.extend_from_slice(&sign.to_be_bytes());
        out.extend_from_slice(&u16::from(scale.max(0).unsigned_abs()).to_be_bytes());
        groups.iter().rev().for_each(|group| out.extend_from_slice(&group.to_be_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups, weight, sign and scale.
    fn read(bytes: &[u8]) -> (Vec<u16>, i16, u16, u16) {
        let words: Vec<_> =
            bytes[4..].chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
        assert_eq!(i32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize, bytes.len() - 4);
        assert_eq!(usize::from(words[0]), words.len() - 4);
        (words[4..].to_vec(), words[1].cast_signed(), words[2], words[3])
    }

    #[test]
    fn digits_stand_in_groups_of_four_around_the_point() {
        for (unscaled, scale, expect) in [
            (0, 2, (vec![], 0, 0, 2)),
            (12_345, 2, (vec![123, 4500], 0, 0, 2)),
            (-5, 2, (vec![500], -1, 0x4000, 2)),
            (10_000, 0, (vec![1], 1, 0, 0)),
            (12, -3, (vec![1, 2000], 1, 0, 0)),
            (1, 5, (vec![1000], -2, 0, 5)),
            (1_2345_6789, 4, (vec![1, 2345, 6789], 1, 0, 4)),
        ] {
            let mut narrow = Vec::new();
            write(&mut narrow, unscaled, scale);
            assert_eq!(read(&narrow), expect, "{unscaled} {scale}");
        }
    }

    #[test]
    fn wide_decimals_have_the_same_form() {
        let huge: String = "123456789".repeat(8);
        for scale in [0, 1, 2, 3, 4, 5, 37, 70, -1, -3, -6] {
            let mut wide = Vec::new();
            write_wide(&mut wide, i256::from_string(&huge).unwrap(), scale);
            let (groups, weight, sign, _) = read(&wide);
            let digits: String = groups.iter().map(|group| format!("{group:04}")).collect();
            assert_eq!(digits.trim_matches('0'), huge, "{scale}");
            let before = (i32::from(weight) + 1) * 4 - leading(&digits);
            assert_eq!((before, sign), (72 - i32::from(scale), 0), "{scale}");
        }
    }

    fn leading(digits: &str) -> i32 {
        digits.bytes().take_while(|digit| *digit == b'0').count() as i32
    }
}
