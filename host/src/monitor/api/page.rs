//! The metrics as one page for all who ask.
//!
//! A page is large where there are many tables, and a slow client keeps the one that it was given. So
//! pages are rendered once in a while, shared, and few at a time are alive; and few clients at a time
//! get one, which leaves room for the probes (I7).

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use super::super::Metrics;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Nobody scrapes more often.
const INTERVAL: Duration = Duration::from_secs(1);
/// Pages that are alive at a time: the newest, and those that slow clients still read.
const PAGES_MAX: usize = 3;
/// Clients that are given a page at a time. Further ones are told to come again.
pub(super) const CLIENTS_MAX: usize = 8;

/// Renders and shares. Clones share too.
#[derive(Clone)]
pub(super) struct MetricsPage {
    metrics: Metrics,
    pages: Arc<Mutex<Pages>>,
    clients: Arc<Semaphore>,
}

#[derive(Default)]
struct Pages {
    newest: Option<(Instant, Arc<String>)>,
    alive: Vec<Weak<String>>,
}

/// A page on its way to a client, who counts until it is through.
struct Answer {
    page: Arc<String>,
    _client: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        self.page.as_bytes()
    }
}

impl MetricsPage {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, pages: Arc::default(), clients: Arc::new(Semaphore::new(CLIENTS_MAX)) }
    }

    pub(super) async fn answer(self) -> Response {
        let Ok(client) = Arc::clone(&self.clients).try_acquire_owned() else {
            let later = [(header::RETRY_AFTER, "1")];
            let words = "too many clients are reading the metrics";
            return (StatusCode::SERVICE_UNAVAILABLE, later, words).into_response();
        };
        match self.page().await {
            Ok(page) => {
                let body = Bytes::from_owner(Answer { page, _client: client });
                ([(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
            }
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
        }
    }

    /// The newest page, made anew when it is old and not too many others are alive. Who asks
    /// meanwhile waits for it.
    async fn page(&self) -> Result<Arc<String>, String> {
        let mut pages = self.pages.lock().await;
        pages.alive.retain(|page| page.strong_count() > 0);
        if let Some((made, page)) = &pages.newest
            && (made.elapsed() < INTERVAL || pages.alive.len() >= PAGES_MAX)
        {
            return Ok(Arc::clone(page));
        }
        // The old one may go before the new one is there.
        pages.newest = None;
        let metrics = self.metrics.clone();
        let made = Instant::now();
        let text =
            spawn_blocking(move || metrics.encode()).await.map_err(|error| error.to_string())?;
        let page = Arc::new(text.map_err(|error| error.to_string())?);
        pages.alive.push(Arc::downgrade(&page));
        pages.newest = Some((made, Arc::clone(&page)));
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_pages_are_alive_however_many_clients_keep_theirs() {
        let page = MetricsPage::new(Metrics::new("db").unwrap());
        let age = |pages: &mut Pages| {
            if let Some((made, _)) = &mut pages.newest {
                *made = made.checked_sub(INTERVAL).unwrap();
            }
        };
        let mut kept = Vec::new();
        for _ in 0..4 * PAGES_MAX {
            kept.push(page.page().await.unwrap());
            assert!(Arc::ptr_eq(&kept[kept.len() - 1], &page.page().await.unwrap()), "shared");
            age(&mut *page.pages.lock().await);
        }
        kept.dedup_by(|one, other| Arc::ptr_eq(one, other));
        assert_eq!(kept.len(), PAGES_MAX);
        let last = kept.pop().unwrap();
        kept.clear();
        assert!(!Arc::ptr_eq(&last, &page.page().await.unwrap()), "there is room for a new one");
    }
}
