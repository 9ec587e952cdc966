//! Random values of random types, by random operations: what the table of cases did not think of.
//! A failure names its seed; `CARTRIDGE_WARP_TEST_SEED` runs it again.

use std::env;

use cartridge_warp_tests::Databases;
use fastrand::Rng;

const ROUNDS: usize = 3;
/// Operations of a round.
const OPERATIONS: usize = 400;
/// Keys are few, so that rows meet again.
const KEYS: u32 = 300;

/// A type and how a value of it is made, as SQL.
type Kind = (&'static str, fn(&mut Rng) -> String);

const KINDS: &[Kind] = &[
    ("boolean", |random| random.bool().to_string()),
    ("smallint", |random| format!("'{}'", edgy(random) as i16)),
    ("integer", |random| format!("'{}'", edgy(random) as i32)),
    ("bigint", |random| format!("'{}'", edgy(random))),
    ("real", |random| format!("'{:e}'", f32::from_bits(random.u32(..)))),
    ("double precision", |random| format!("'{:e}'", f64::from_bits(random.u64(..)))),
    ("numeric", |random| {
        let places = random.usize(0..1100);
        number(random, 1100, places)
    }),
    ("numeric(38,6)", |random| number(random, 32, 6)),
    ("numeric(70,30)", |random| number(random, 40, 30)),
    ("text", text),
    ("character varying(20)", |random| format!("left({}, 20)", text(random))),
    ("character(20)", |random| format!("left({}, 20)", text(random))),
    ("bytea", |random| {
        let length = random.usize(0..60);
        format!(r"'\x{}'", hex(random, 2 * length))
    }),
    ("date", |random| format!("date '2000-01-01' + ({})", random.i32(-2_451_545..2_145_031_948))),
    ("time", |random| format!("time '00:00' + {}", micros(random.i64(0..86_400_000_000)))),
    ("time with time zone", |random| {
        let (clock, offset) = (random.i64(0..86_400_000_000), random.i32(-57_599..57_600));
        format!("timezone(make_interval(secs => {offset}), '00:00+00'::timetz) + {}", micros(clock))
    }),
    ("timestamp", |random| format!("timestamp '2000-01-01' + {}", moment(random))),
    ("timestamptz", |random| format!("timestamptz '2000-01-01 00:00:00Z' + {}", moment(random))),
    ("interval", |random| {
        let (months, days) = (random.i32(-2_000_000_000..2_000_000_000), random.i32(..));
        format!("interval '{months} mons {days} days' + {}", moment(random))
    }),
    ("uuid", |random| format!("'{}'", hex(random, 32))),
    ("json", document),
    ("jsonb", document),
    ("inet", |random| {
        let bits = random.u8(0..=32);
        format!("'{}/{bits}'", std::net::Ipv4Addr::from(random.u32(..)))
    }),
    ("inet", |random| {
        let bits = random.u8(0..=128);
        format!("'{}/{bits}'", std::net::Ipv6Addr::from(random.u128(..)))
    }),
    ("bit varying", |random| {
        let length = random.usize(0..70);
        let bits: String = (0..length).map(|_| if random.bool() { '1' } else { '0' }).collect();
        format!("B'{bits}'")
    }),
    ("money", |random| {
        format!(
            "'{}.{:02}'",
            random.i64(-9_000_000_000_000_000..9_000_000_000_000_000),
            random.u8(0..100)
        )
    }),
    ("point", |random| format!("point({}, {})", double(random), double(random))),
    ("int8range", |random| {
        let (one, other) = (edgy(random) / 2, edgy(random) / 2);
        format!("int8range({}, {}, '(]')", one.min(other), one.max(other))
    }),
    ("tstzrange", |random| {
        let from = random.i64(0..1 << 50);
        let to = from + random.i64(0..1 << 50);
        let end = |after: i64| format!("timestamptz '1999-01-01 00:00:00Z' + {}", micros(after));
        format!("tstzrange({}, {}, '[]')", end(from), end(to))
    }),
    ("integer[]", |random| array(random, |random| (edgy(random) as i32).to_string())),
    ("text[]", |random| array(random, text)),
    ("numeric[]", |random| array(random, |random| number(random, 30, 5))),
    ("timestamp[]", |random| {
        array(random, |random| format!("timestamp '2000-01-01' + {}", moment(random)))
    }),
];

/// Small numbers, numbers near a power of two, and any.
fn edgy(random: &mut Rng) -> i64 {
    match random.u8(0..3) {
        0 => random.i64(-3..4),
        1 => (1_i64 << random.u32(0..63)).wrapping_add(random.i64(-2..3)),
        _ => random.i64(..),
    }
}

fn double(random: &mut Rng) -> String {
    format!("'{:e}'::float8", f64::from_bits(random.u64(..)))
}

fn digits(random: &mut Rng, count: usize) -> String {
    (0..count).map(|_| random.digit(10)).collect()
}

fn hex(random: &mut Rng, count: usize) -> String {
    (0..count).map(|_| random.digit(16)).collect()
}

/// At most so many digits before the point, and so many behind it.
fn number(random: &mut Rng, before: usize, places: usize) -> String {
    let sign = if random.bool() { "-" } else { "" };
    let before = random.usize(0..=before);
    format!("'{sign}0{}.{}0'::numeric", digits(random, before), digits(random, places))
}

fn micros(count: i64) -> String {
    format!("interval '{count} us'")
}

/// Within what a timestamp holds on either side of 2000, now and then far off.
fn moment(random: &mut Rng) -> String {
    let reach: i64 = if random.bool() { 200_000_000_000_000_000 } else { 1 << 50 };
    micros(random.i64(-reach..reach))
}

/// Any characters but NUL, which no text of the server has.
fn text(random: &mut Rng) -> String {
    let length = random.usize(0..40);
    let text: String = (0..length)
        .map(|_| match random.u8(0..4) {
            0 => random.char('\u{1}'..='\u{1f}'),
            1 => random.choice(['\\', '\'', '"', ',', '{', '}', '\u{7f}', 'N', '.']).unwrap(),
            2 => random.char(' '..='~'),
            _ => random.char('\u{80}'..=char::MAX),
        })
        .collect();
    format!("'{}'", text.replace('\'', "''"))
}

fn document(random: &mut Rng) -> String {
    let item = match random.u8(0..4) {
        0 => format!("to_jsonb({}::text)", text(random)),
        1 => format!("to_jsonb({})", number(random, 20, 10)),
        2 => format!("jsonb_build_array({}, null, true)", edgy(random)),
        _ => "'{}'::jsonb".to_owned(),
    };
    format!("jsonb_build_object({}::text, {item}, 'b', {item})", text(random))
}

fn array(random: &mut Rng, mut item: impl FnMut(&mut Rng) -> String) -> String {
    let items: Vec<String> = (0..random.usize(1..6))
        .map(|_| if random.u8(0..4) == 0 { "NULL".to_owned() } else { item(random) })
        .collect();
    let items = items.join(", ");
    if random.bool() { format!("ARRAY[[{items}], [{items}]]") } else { format!("ARRAY[{items}]") }
}

/// A value, or none.
fn value(random: &mut Rng, (sql, make): &Kind) -> String {
    if random.u8(0..10) == 0 { "NULL".to_owned() } else { format!("({})::{sql}", make(random)) }
}

fn values(random: &mut Rng) -> Vec<String> {
    KINDS.iter().map(|kind| value(random, kind)).collect()
}

/// An insert, an update of some columns, of the key, or a delete.
fn operation(random: &mut Rng) -> String {
    let id = random.u32(0..KEYS);
    match random.u8(0..10) {
        0 => format!("DELETE FROM r WHERE id = {id};"),
        1 => {
            let to = random.u32(0..KEYS);
            format!(
                "UPDATE r SET id = {to} WHERE id = {id} AND \
                     NOT EXISTS (SELECT FROM r WHERE id = {to});"
            )
        }
        2..=4 => {
            let column = random.usize(0..KINDS.len());
            format!("UPDATE r SET c{column} = {} WHERE id = {id};", value(random, &KINDS[column]))
        }
        _ => {
            let columns: Vec<String> =
                (0..KINDS.len()).map(|at| format!("c{at} = EXCLUDED.c{at}")).collect();
            format!(
                "INSERT INTO r VALUES ({id}, {}) ON CONFLICT (id) DO UPDATE SET {};",
                values(random).join(", "),
                columns.join(", ")
            )
        }
    }
}

fn seed() -> u64 {
    let given = env::var("CARTRIDGE_WARP_TEST_SEED").ok();
    given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap())
}

#[test]
fn random_values_are_the_same_on_both_sides() {
    let seed = seed();
    let mut random = Rng::with_seed(seed);
    let databases = Databases::start();
    let pipeline = databases.pipeline();
    let columns: Vec<String> =
        KINDS.iter().enumerate().map(|(at, (sql, _))| format!("c{at} {sql}")).collect();
    databases.at_source(&format!("CREATE TABLE r (id int PRIMARY KEY, {})", columns.join(", ")));
    for round in 0..ROUNDS {
        let operations: String = (0..OPERATIONS).map(|_| operation(&mut random)).collect();
        if let Err(words) = databases.source.try_sql("shop", &operations) {
            panic!("seed {seed}: {}", words.lines().next().unwrap_or_default());
        }
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "seed {seed}, round {round}: {}", ended.stderr);
        for (at, (sql, _)) in KINDS.iter().enumerate() {
            let copy = format!("COPY (SELECT id, c{at} FROM r ORDER BY id) TO STDOUT");
            let (want, have) = (databases.at_source(&copy), databases.at_destination(&copy));
            assert!(want.len() > 50, "seed {seed}: {} rows are too few", want.len());
            let differs = want.iter().zip(&have).find(|(want, have)| want != have);
            let counts = (want.len(), have.len());
            assert!(want == have, "seed {seed}, round {round}, {sql}: {differs:?}, {counts:?}");
        }
    }
}
