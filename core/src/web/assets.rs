//! Files of the page.

use super::secured;
use crate::http::{Response, Status};
use alloc::format;
use sha1_smol::Sha1;

/// A file that never changes while the daemon runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    content_type: &'static str,
    body: &'static str,
}

/// The file at a path. There is a list of them, not a directory: nothing else can be reached.
pub(crate) fn asset(path: &str) -> Option<Asset> {
    let (content_type, body) = match path {
        "/ok.html" => ("text/plain", "OK"),
        "/static/visor.css" => ("text/css;charset=utf-8", include_str!("assets/visor.css")),
        "/static/page.js" => (
            "text/javascript;charset=utf-8",
            include_str!("assets/page.js"),
        ),
        "/static/log.js" => (
            "text/javascript;charset=utf-8",
            include_str!("assets/log.js"),
        ),
        "/static/icon.svg" | "/favicon.ico" => ("image/svg+xml", include_str!("assets/icon.svg")),
        _ => return None,
    };
    Some(Asset { content_type, body })
}

impl Asset {
    /// The file, or word that the browser has it already.
    pub(crate) fn response(self, known: Option<&str>) -> Response {
        let tag = format!("\"{}\"", Sha1::from(self.body).digest());
        let has_it = known.is_some_and(|known| known.split(',').any(|t| t.trim() == tag));
        let (status, body) = if has_it {
            (Status::NotModified, "")
        } else {
            (Status::Ok, self.body)
        };
        if self.content_type == "text/plain" {
            return Response::new(status, self.content_type, body);
        }
        secured(Response::new(status, self.content_type, body))
            .with("Cache-Control", "no-cache")
            .with("ETag", tag)
    }
}
