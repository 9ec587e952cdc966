//! What a PostgreSQL server has is compared with the documents.

use cartridge_warp_test_mongodb::{
    Settings,
    bson::{Bson, DateTime, Decimal128, doc, oid::ObjectId},
};
use serde_json::Value;

use super::servers::{SCHEMA, Servers};

#[test]
fn each_document_that_differs_is_found() {
    let servers = Servers::start(Settings::default());
    let pipeline = servers.pipeline(&servers.source.url(""));
    let id = |it: u8| Bson::from(ObjectId::from_bytes([it; 12]));
    let price: Decimal128 = "12.340".parse().unwrap();
    let document = |it: u8| {
        let at = DateTime::from_millis(1_700_000_000_123 + i64::from(it));
        let parts = doc! { "b": i64::from(it), "a": [it.is_multiple_of(3), 1.5, "ü"] };
        doc! { "_id": id(it), "note": format!("n{it}"), "price": price, "at": at, "parts": parts, "n": i32::from(it) }
    };
    let mut documents: Vec<_> = (1..=200).map(document).collect();
    // Fields may be missing.
    documents.push(doc! { "_id": id(201), "n": 7 });
    servers.source.insert(SCHEMA, "orders", &documents);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let verified = |code: i32| {
        let ended = pipeline.run(&["--output", "json", "verify"]);
        assert_eq!(ended.status.code(), Some(code), "{}{}", ended.stdout, ended.stderr);
        serde_json::from_str::<Value>(ended.stdout.lines().next().unwrap()).unwrap()
    };
    let came = verified(0);
    assert_eq!(came["equal"], 201, "{came}");
    let tampered = [
        (1, "DELETE FROM {t} WHERE {id}", "missing"),
        (2, "UPDATE {t} SET note = NULL WHERE {id}", "different note"),
        (3, "UPDATE {t} SET parts = jsonb_set(parts::jsonb, '{a,1}', '1.50') WHERE {id}", ""),
        (
            4,
            "UPDATE {t} SET parts = jsonb_set(parts::jsonb, '{a,1}', '1.51') WHERE {id}",
            "different parts",
        ),
        (5, "UPDATE {t} SET at = at + '1 millisecond'::interval WHERE {id}", "different at"),
        (6, "UPDATE {t} SET n = n + 1 WHERE {id}", "different n"),
    ];
    for (it, sql, _) in tampered {
        let key = format!("_id = '{}'", ObjectId::from_bytes([it; 12]).to_hex());
        let table = format!("{SCHEMA}.orders");
        servers.at_destination(&sql.replace("{t}", &table).replace("{id}", &key));
    }
    // And one whose change waits.
    let set = doc! { "q": { "_id": id(7) }, "u": { "$set": { "note": "new" } } };
    servers.source.run(SCHEMA, doc! { "update": "orders", "updates": [set] });
    let came = verified(6);
    for (it, sql, drift) in tampered {
        let id = ObjectId::from_bytes([it; 12]).to_hex();
        let samples = came["samples"].as_array().unwrap();
        let sample = samples.iter().find(|it| it["key"].as_str().unwrap().contains(&id));
        let words = sample.map_or(String::new(), |sample| {
            let columns = sample["columns"].as_array().unwrap().iter();
            let columns = columns.map(|column| format!(" {}", column["column"].as_str().unwrap()));
            sample["drift"].as_str().unwrap().to_owned() + &columns.collect::<String>()
        });
        assert_eq!(words, drift, "{sql}: {came}");
    }
    assert_eq!((&came["in_flight"], &came["undecided"]), (&1.into(), &0.into()), "{came}");
}
