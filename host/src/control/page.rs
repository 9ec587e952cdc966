//! The page for operators: files of this program, which ask the API as anybody does.
//!
//! They hold nothing of the run, so a browser may have them without the token; what they show, they ask for with it.
//! Names and words come from sources and plugins: the policy below lets nothing run but these files, and has a browser
//! refuse text that would become markup.

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
    routing::get,
};

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($name:literal: $kind:literal,)*) => {
        &[$(File {
            path: concat!("/page/", $name),
            kind: $kind,
            text: include_str!(concat!("page/", $name)),
        }),*]
    };
}

/// Where the page begins.
const BEGINNING: File =
    File { path: "/", kind: "text/html; charset=utf-8", text: include_str!("page/index.html") };

const FILES: &[File] = files![
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "api.js": "text/javascript; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "dialog.js": "text/javascript; charset=utf-8",
    "dom.js": "text/javascript; charset=utf-8",
    "events.js": "text/javascript; charset=utf-8",
    "letters.js": "text/javascript; charset=utf-8",
    "overview.js": "text/javascript; charset=utf-8",
    "approvals.js": "text/javascript; charset=utf-8",
    "spark.js": "text/javascript; charset=utf-8",
    "tables.js": "text/javascript; charset=utf-8",
    "words.js": "text/javascript; charset=utf-8",
];

/// What a browser may do with the page: load these files, ask this port, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The files of the page.
pub fn routes() -> Router {
    FILES.iter().chain([&BEGINNING]).fold(Router::new(), |router, file| {
        router.route(file.path, get(move || async { answer(file) }))
    })
}

/// Whether this is a file of the page.
pub fn is_file(path: &str) -> bool {
    FILES.iter().chain([&BEGINNING]).any(|file| file.path == path)
}

fn answer(file: &'static File) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(file.kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    (headers, file.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_page_makes_markup_of_text_or_asks_elsewhere() {
        // The policy forbids it, so it would break the page; the name of a namespace is asked of nobody.
        let forbidden = [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "http://",
            "https://",
            "style=",
            "onclick=",
            "<style",
            "localStorage",
            "sessionStorage",
        ];
        for file in FILES.iter().chain([&BEGINNING]) {
            let text = file.text.replace("http://www.w3.org/2000/svg", "");
            for word in forbidden {
                assert!(!text.contains(word), "{word} in {}", file.path);
            }
        }
    }
}
