//! A log, its end and what follows.

use super::html::escape;
use super::html_response;
use crate::http::form::{Fields, percent_encode};
use crate::http::{Response, Status};
use crate::{LogPart, Stream};
use alloc::{format, string::String};

/// Least and most bytes of a log that are shown.
const LIMIT_BYTES_MIN: u64 = 1024;
const LIMIT_BYTES_MAX: u64 = 1 << 20;
/// What the page's own script shows when nothing else is asked for.
const LIMIT_BYTES: u64 = 64 << 10;

/// A page that shows the end of a log.
#[derive(Clone, Debug)]
pub(crate) struct TailPage {
    pub(crate) name: Option<String>,
    pub(crate) stream: Stream,
    /// Bytes.
    pub(crate) limit: u64,
}

impl TailPage {
    /// What a query asks for.
    pub(crate) fn asked(fields: &Fields) -> Self {
        let limit = fields.get("limit").map(|text| text.trim().parse::<i64>());
        Self {
            name: fields.get("processname").map(String::from),
            stream: match fields.get("stream") {
                Some("stderr") => Stream::Stderr,
                Some(_) | None => Stream::Stdout,
            },
            limit: match limit {
                None => LIMIT_BYTES,
                Some(limit) => limit
                    .ok()
                    .and_then(|limit| u64::try_from(limit).ok())
                    .unwrap_or(0)
                    .clamp(LIMIT_BYTES_MIN, LIMIT_BYTES_MAX),
            },
        }
    }

    /// The page, with the log or what to say instead.
    pub(crate) fn response(&self, identifier: &str, part: Result<&LogPart, &str>) -> Response {
        let label = self.name.as_deref().unwrap_or("");
        let (name, link) = (escape(label), percent_encode(label));
        let (text, note, source) = match part {
            Ok(part) => {
                let text = escape(&String::from_utf8_lossy(&part.data));
                let skipped = part.size_bytes.saturating_sub(part.data.len() as u64);
                let note = match (part.size_bytes, skipped) {
                    (0, _) => String::from("The log is empty."),
                    (size, 0) => format!("All {size} bytes."),
                    (size, _) => format!("The last {} of {size} bytes.", part.data.len()),
                };
                let stream = self.stream.name();
                let source = format!(
                    "/logtail/{}/{stream}?limit={}",
                    link.replace('/', "%2F"),
                    self.limit
                );
                (text, note, source)
            }
            Err(text) => (escape(text), String::new(), String::new()),
        };
        let tab = |stream: Stream, title: &str| {
            let current = if stream == self.stream {
                " aria-current=\"page\""
            } else {
                ""
            };
            format!(
                "<a class=\"button\"{current} href=\"/tail.html?processname={link}&amp;stream={}\">{title}</a>\n",
                stream.name()
            )
        };
        let mut body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{name} – log</title>\n<link rel=\"stylesheet\" href=\"/static/visor.css\">\n\
             <link rel=\"icon\" href=\"/static/icon.svg\" type=\"image/svg+xml\">\n\
             <script src=\"/static/log.js\" defer></script>\n</head>\n\
             <body data-page=\"log\">\n<header>\n<h1><a href=\"/\">{}</a> / {name}</h1>\n\
             <span id=\"live\" class=\"live\" hidden>live</span>\n</header>\n<main>\n<div class=\"bar\">\n",
            escape(identifier)
        );
        body.push_str(&tab(Stream::Stdout, "Output"));
        body.push_str(&tab(Stream::Stderr, "Errors"));
        body.push_str(&format!(
            "<div id=\"tools\" class=\"tools\" hidden>\n\
             <label><input type=\"checkbox\" id=\"follow\" checked> Follow</label>\n\
             <label><input type=\"checkbox\" id=\"wrap\" checked> Wrap</label>\n\
             <label for=\"search\">Search</label>\n<input type=\"search\" id=\"search\" autocomplete=\"off\">\n\
             <button type=\"button\" id=\"previous\" class=\"quiet\" aria-label=\"Previous match\">↑</button>\n\
             <button type=\"button\" id=\"next\" class=\"quiet\" aria-label=\"Next match\">↓</button>\n\
             <label><input type=\"checkbox\" id=\"only\"> Only matches</label>\n\
             <output id=\"matches\" for=\"search\"></output>\n</div>\n\
             <a class=\"button\" href=\"/tail.html?processname={link}&amp;stream={}&amp;limit={}\">Refresh</a>\n</div>\n\
             <p class=\"note\" id=\"note\">{note}</p>\n\
             <pre id=\"log\" class=\"log wrap\" tabindex=\"0\" aria-label=\"Log\" data-source=\"{}\">{text}</pre>\n\
             </main>\n</body>\n</html>\n",
            self.stream.name(),
            self.limit,
            escape(&source),
        ));
        html_response(Status::Ok, body)
    }
}
