//! How far polling is in the tables' own order of time.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};

use crate::form::Form;

/// How far each collection was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Places {
    /// By collection.
    pub tables: BTreeMap<String, Place>,
    /// The form of the rows so far, where it was stored.
    pub form: Option<Form>,
}

/// Behind the last document that was read of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its time.
    pub at: Bson,
    /// Its `_id`; `MinKey` before all documents of that time.
    pub id: Bson,
}

impl Places {
    /// The collection whose place takes most, and its bytes.
    pub fn largest(&self) -> Option<(&str, usize)> {
        let size =
            |place: &Place| doc! { "at": &place.at, "id": &place.id }.to_vec().map(|raw| raw.len());
        let sizes =
            self.tables.iter().map(|(name, place)| (name.as_str(), size(place).unwrap_or(0)));
        sizes.max_by_key(|(_, size)| *size)
    }

    /// Reads the collections' places back from their document.
    pub fn read(document: &Document) -> Option<BTreeMap<String, Place>> {
        let place = |(table, place): (&String, &Bson)| {
            let place = place.as_document()?;
            let (at, id) = (place.get("at")?.clone(), place.get("id")?.clone());
            Some((table.clone(), Place { at, id }))
        };
        document.iter().map(place).collect()
    }
}
