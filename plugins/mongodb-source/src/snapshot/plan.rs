//! Cuts a collection into ranges of `_id` of about the same size.

use cartridge_warp_sdk::{Chunk, Failure, log};
use mongodb::bson::{Bson, Document, RawBson, RawDocumentBuf, Timestamp, doc};

use super::bounds::{Range, are_of_one_type};
use crate::MongodbSource;
use crate::catalog;
use crate::form::Form;
use crate::position::Position;

/// Ranges are not smaller than this many documents.
const DOCUMENTS_MIN: u64 = 10_000;
/// Ranges of one collection.
const RANGES_MAX: u64 = 1_000;
/// Sampled documents for each range: more make ranges more even.
const SAMPLES_EACH: u64 = 16;
/// The server gives up the sample after this; then there is one range.
const SAMPLE_TIME_MS: i64 = 20_000;

/// Plans about `target` ranges.
pub fn plan(
    source: &mut MongodbSource,
    schema: &str,
    table: &str,
    start: &[u8],
    target: u32,
) -> Result<Vec<Chunk>, Failure> {
    let form = Form::of(&source.options);
    let time = match Position::of_form(start, &form)? {
        Position::Log(log) => log.seen,
        // Nothing to wait for: polling reads the same server, and has no exact start.
        Position::Polling(_) => Timestamp { time: 0, increment: 0 },
    };
    let server = &source.server;
    let documents = server.wait(catalog::count(server, schema, table))?;
    let documents = documents.map_err(|error| server.failure(&error))?;
    let ranges = u64::from(target).min(documents / DOCUMENTS_MIN).clamp(1, RANGES_MAX);
    let bounds = if ranges > 1 { bounds(source, schema, table, ranges)? } else { Vec::new() };
    let [first, last] = [1, -1].map(|order| catalog::end_of_index(server, schema, table, order));
    let (first, last) = (id_of(first?), id_of(last?));
    let one_type = match (&first, &last) {
        (Some(first), Some(last)) => {
            are_of_one_type(first.as_raw_bson_ref(), last.as_raw_bson_ref())
        }
        _ => false,
    };
    let whole = Range { time, one_type, from: None, to: None, sample: first, form: Some(form) };
    Ok(cut(&whole, &bounds, documents))
}

fn id_of(document: Option<RawDocumentBuf>) -> Option<RawBson> {
    document?.get("_id").ok().flatten().map(RawBson::from)
}

/// The `_id`s at which ranges meet, in the server's own order.
fn bounds(
    source: &MongodbSource,
    database: &str,
    table: &str,
    ranges: u64,
) -> Result<Vec<RawBson>, Failure> {
    let size = i64::try_from(ranges * SAMPLES_EACH).unwrap_or(i64::MAX);
    let sample = doc! {
        "aggregate": table, "cursor": {}, "maxTimeMS": SAMPLE_TIME_MS,
        "pipeline": [
            { "$sample": { "size": size } },
            { "$project": { "_id": 1 } },
            { "$sort": { "_id": 1 } },
        ],
    };
    let documents_max = usize::try_from(size).unwrap_or(usize::MAX);
    let sampled = match source.server.collect(database, sample, documents_max) {
        Ok(sampled) => sampled,
        Err(failure) if failure.code == "interrupted" => {
            log::warn("no sample in time; the collection is one range", &[("table", table)]);
            return Ok(Vec::new());
        }
        Err(failure) => return Err(failure),
    };
    let step = usize::try_from(SAMPLES_EACH).unwrap_or(usize::MAX);
    let bounds = sampled.into_iter().skip(step).step_by(step);
    let bounds = bounds.filter_map(|mut document: Document| document.remove("_id"));
    let bounds = bounds.filter_map(|id: Bson| RawBson::try_from(id).ok());
    Ok(bounds.collect())
}

/// The first range has no beginning and the last no end: documents may come there.
fn cut(whole: &Range, bounds: &[RawBson], documents: u64) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut push = |from: Option<&RawBson>, to: Option<&RawBson>| {
        let range = Range { from: from.cloned(), to: to.cloned(), ..whole.clone() };
        let without_sample = || Range { sample: None, ..range.clone() }.encode();
        // Where a bound is too large, the range before it simply goes on.
        let Some(descriptor) = range.encode().or_else(without_sample) else { return false };
        let id = format!("range-{}", chunks.len());
        chunks.push(Chunk { id, descriptor, estimated_rows: None });
        true
    };
    let mut from: Option<&RawBson> = None;
    for bound in bounds {
        if from != Some(bound) && push(from, Some(bound)) {
            from = Some(bound);
        }
    }
    push(from, None);
    let count = chunks.len().max(1) as u64;
    chunks.iter_mut().for_each(|chunk| chunk.estimated_rows = Some(documents / count));
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_and_both_ends_are_open() {
        let id = RawBson::Int32;
        let long = RawBson::String("x".repeat(70 << 10));
        let time = Timestamp { time: 1, increment: 1 };
        for (bounds, expected) in [
            (vec![], vec![(None, None)]),
            (vec![id(5)], vec![(None, Some(5)), (Some(5), None)]),
            (vec![id(5), id(5), id(9)], vec![(None, Some(5)), (Some(5), Some(9)), (Some(9), None)]),
            (vec![id(5), long, id(9)], vec![(None, Some(5)), (Some(5), Some(9)), (Some(9), None)]),
        ] {
            let whole = Range {
                time,
                one_type: true,
                from: None,
                to: None,
                sample: Some(id(1)),
                form: None,
            };
            let chunks = cut(&whole, &bounds, 90);
            let number = |id: &Option<RawBson>| id.as_ref().and_then(RawBson::as_i32);
            let ranges: Vec<_> = chunks
                .iter()
                .map(|chunk| Range::decode(&chunk.descriptor).unwrap())
                .map(|range| (number(&range.from), number(&range.to)))
                .collect();
            assert_eq!(ranges, expected);
            let mut ids: Vec<&str> = chunks.iter().map(|chunk| chunk.id.as_str()).collect();
            ids.dedup();
            assert_eq!(ids.len(), chunks.len());
            assert_eq!(chunks[0].estimated_rows, Some(90 / chunks.len() as u64));
        }
    }
}
