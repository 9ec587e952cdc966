//! The binary form of `numeric`: groups of four digits around the point.

use cartridge_warp_sdk::Value;
use cartridge_warp_sdk::arrow_buffer::i256;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;

const GROUP: u16 = 10_000;
const GROUP_DIGITS: i32 = 4;
/// Groups that 64 bits hold.
const SHORT_GROUPS: usize = 4;
/// Groups that 128 bits hold; longer numbers take the way of their text.
const GROUPS_MAX: usize = 9;

/// A number as it came.
pub(super) struct Numeric<'b> {
    /// Groups of four digits, the most significant first.
    groups: &'b [[u8; 2]],
    /// The first group counts this power of 10,000.
    weight: i16,
    sign: u16,
    /// Digits after the point.
    scale: u16,
}

impl<'b> Numeric<'b> {
    /// Reads a number; none when the bytes are none.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<2>();
        let (&[count, weight, sign, scale], groups) = words.split_first_chunk()?;
        let number = Self {
            groups,
            weight: i16::from_be_bytes(weight),
            sign: u16::from_be_bytes(sign),
            scale: u16::from_be_bytes(scale),
        };
        let whole = rest.is_empty() && usize::from(u16::from_be_bytes(count)) == groups.len();
        let signs = [0, NEGATIVE, NAN, INFINITY, MINUS_INFINITY];
        let valid = signs.contains(&number.sign) && number.digits().all(|group| group < GROUP);
        (whole && valid).then_some(number)
    }

    /// The number with its own scale; none for those that are no decimals or have too many digits.
    pub(super) fn value(&self) -> Option<Value<'static>> {
        if self.sign & !NEGATIVE != 0 || self.groups.len() > GROUPS_MAX {
            return None;
        }
        let magnitude = self.groups.chunks(SHORT_GROUPS).fold(0, |magnitude, groups| {
            let part = groups.iter().fold(0, |part, group| {
                part * u64::from(GROUP) + u64::from(u16::from_be_bytes(*group))
            });
            // Multiplication of 128 bits is slow, and most numbers are one part.
            let before = match magnitude {
                0 => 0,
                _ => magnitude * u128::from(GROUP).pow(groups.len() as u32),
            };
            before + u128::from(part)
        });
        let after_point = GROUP_DIGITS * (self.groups.len() as i32 - 1 - i32::from(self.weight));
        let scaled = match magnitude {
            0 => 0,
            _ => shift(magnitude, i32::from(self.scale) - after_point)?,
        };
        let unscaled = i128::try_from(scaled).ok()?;
        let unscaled = if self.sign == NEGATIVE { -unscaled } else { unscaled };
        Some(Value::Decimal {
            unscaled: i256::from_i128(unscaled),
            scale: i8::try_from(self.scale).ok()?,
        })
    }

    /// As the server writes it.
    pub(super) fn text(&self) -> String {
        match self.sign {
            NAN => return "NaN".to_owned(),
            INFINITY => return "Infinity".to_owned(),
            MINUS_INFINITY => return "-Infinity".to_owned(),
            _ => {}
        }
        let first = i32::from(self.weight).max(0);
        let scale = usize::from(self.scale);
        let groups = first as usize + 1 + scale.div_ceil(GROUP_DIGITS as usize);
        // A sign and a point.
        let mut text = String::with_capacity(2 + GROUP_DIGITS as usize * groups);
        if self.sign == NEGATIVE {
            text.push('-');
        }
        push_short(&mut text, self.group(first));
        (0..first).rev().for_each(|power| push(&mut text, self.group(power)));
        if scale > 0 {
            text.push('.');
            let end = text.len() + scale;
            let last = -(self.scale.div_ceil(GROUP_DIGITS as u16) as i32);
            (last..0).rev().for_each(|power| push(&mut text, self.group(power)));
            text.truncate(end);
        }
        text
    }

    fn digits(&self) -> impl Iterator<Item = u16> {
        self.groups.iter().map(|group| u16::from_be_bytes(*group))
    }

    /// The group that counts a power of 10,000.
    fn group(&self, power: i32) -> u16 {
        let at = usize::try_from(i32::from(self.weight) - power).ok();
        at.and_then(|at| self.groups.get(at)).map_or(0, |group| u16::from_be_bytes(*group))
    }
}

/// Writes a group with all its digits.
fn push(text: &mut String, group: u16) {
    push_digits(text, group, 1_000);
}

/// Writes a group without zeros in front.
fn push_short(text: &mut String, group: u16) {
    let first = [1_000, 100, 10].into_iter().find(|power| group >= *power);
    push_digits(text, group, first.unwrap_or(1));
}

fn push_digits(text: &mut String, group: u16, mut power: u16) {
    while power > 0 {
        text.push(char::from(b'0' + (group / power % 10) as u8));
        power /= 10;
    }
}

/// Moves the point, exactly or not at all.
fn shift(magnitude: u128, by: i32) -> Option<u128> {
    let power = 10_u64.checked_pow(by.unsigned_abs())?;
    if by >= 0 {
        return magnitude.checked_mul(power.into());
    }
    // Division of 128 bits is slow, and most numbers have fewer.
    match u64::try_from(magnitude) {
        Ok(small) => small.is_multiple_of(power).then(|| (small / power).into()),
        Err(_) => {
            let power = u128::from(power);
            magnitude.is_multiple_of(power).then(|| magnitude / power)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Vec<u8> {
        let head = [groups.len() as u16, weight.cast_unsigned(), sign, scale];
        head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn numbers_are_read_around_the_point() {
        for (bytes, text, unscaled) in [
            (bytes(0, 0, 0, &[]), "0", Some(0)),
            (bytes(0, 0, 2, &[]), "0.00", Some(0)),
            (bytes(0, 0, 2, &[123, 4500]), "123.45", Some(12_345)),
            (bytes(-1, NEGATIVE, 2, &[500]), "-0.05", Some(-5)),
            (bytes(1, 0, 0, &[1]), "10000", Some(10_000)),
            (bytes(-2, 0, 5, &[1000]), "0.00001", Some(1)),
            (bytes(1, 0, 4, &[1, 2345, 6789]), "12345.6789", Some(123_456_789)),
            (bytes(4, 0, 1, &[9999; 6]), "99999999999999999999.9", None),
            (
                bytes(7, 0, 0, &[9999; 8]),
                "99999999999999999999999999999999",
                Some(10_i128.pow(32) - 1),
            ),
            (bytes(0, NAN, 0, &[]), "NaN", None),
            (bytes(0, MINUS_INFINITY, 32, &[]), "-Infinity", None),
        ] {
            let number = Numeric::read(&bytes).unwrap();
            assert_eq!(number.text(), text);
            let scale = number.scale as i8;
            let expected = unscaled
                .map(|unscaled| Value::Decimal { unscaled: i256::from_i128(unscaled), scale });
            assert_eq!(number.value(), expected, "{text}");
        }
        assert!(Numeric::read(&bytes(9, 0, 0, &[1; 10])).unwrap().value().is_none());
    }

    #[test]
    fn what_is_no_number_is_none() {
        let good = bytes(0, 0, 2, &[123, 4500]);
        for end in 0..good.len() {
            assert!(Numeric::read(&good[..end]).is_none(), "cut at {end}");
        }
        assert!(Numeric::read(&bytes(0, 0, 0, &[10_000])).is_none());
        assert!(Numeric::read(&bytes(0, 1, 0, &[1])).is_none());
    }
}
