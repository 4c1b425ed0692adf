//! The page for people, and the rules that keep other sites' pages from acting through it.
//!
//! Everything works without JavaScript: plain forms and links. With it the page tells what changes
//! the moment it changes, without loading anew. Nothing comes from elsewhere, and the content
//! security policy lets nothing else in.

mod assets;
mod deed;
mod events;
mod guard;
mod html;
mod page;
mod tail;

pub(crate) use assets::asset;
pub(crate) use deed::{Asked, Deed};
pub(crate) use events::{process_event, snapshot_event};
pub(crate) use guard::{Guarded, token};
pub(crate) use page::page;
pub(crate) use tail::TailPage;

use crate::http::{Response, Status};
use crate::process::ProcessInfo;
use crate::supervisor::Supervisor;
use crate::{Mood, Now};
use alloc::{string::String, vec::Vec};

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct PageView {
    /// The daemon's name.
    pub(crate) identifier: String,
    pub(crate) mood: Mood,
    pub(crate) pid: u32,
    /// All processes, sorted by group and name.
    pub(crate) processes: Vec<ProcessInfo>,
    /// What the forms prove themselves with.
    pub(crate) token: String,
    pub(crate) now: Now,
}

impl Supervisor {
    pub(crate) fn page_view(&self, now: Now) -> PageView {
        PageView {
            identifier: self.config.supervisord.identifier.clone(),
            mood: self.mood(),
            pid: self.boot.pid.0,
            processes: self
                .processes_by_name()
                .map(|(group, process)| process.info(group, &now))
                .collect(),
            token: token(&self.boot.seed),
            now,
        }
    }

    pub(crate) fn identifier(&self) -> &str {
        &self.config.supervisord.identifier
    }

    pub(crate) fn tail_page(
        &self,
        page: TailPage,
        result: Result<crate::LogPart, crate::ReadError>,
    ) -> Response {
        match result {
            Ok(part) => page.response(self.identifier(), Ok(&part)),
            Err(crate::ReadError::NotFound) => {
                page.response(self.identifier(), Err("ERROR: there is no such file"))
            }
            Err(crate::ReadError::Failed(error)) => {
                let text = alloc::format!("ERROR: the log cannot be read: {error}");
                page.response(self.identifier(), Err(&text))
            }
        }
    }
}

/// A page, never kept by a browser, never inside another one.
fn html_response(status: Status, body: String) -> Response {
    secured(Response::new(status, "text/html;charset=utf-8", body))
        .with("Pragma", "no-cache")
        .with("Cache-Control", "no-cache")
        .with("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
}

/// The headers that every answer to a browser has.
fn secured(response: Response) -> Response {
    response
        .with("Content-Security-Policy", POLICY)
        .with("X-Content-Type-Options", "nosniff")
        .with("X-Frame-Options", "DENY")
        .with("Referrer-Policy", "same-origin")
        .with("Cross-Origin-Opener-Policy", "same-origin")
        .with("Cross-Origin-Resource-Policy", "same-origin")
}
