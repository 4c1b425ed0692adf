//! What pages that update themselves are told.

use super::PageView;
use super::html::json_text;
use crate::process::ProcessInfo;
use crate::rpc::label;
use alloc::{format, string::String};

/// One process, as it is now.
pub(crate) fn process_event(info: &ProcessInfo) -> String {
    format!("event: process\ndata: {}\n\n", process_json(info))
}

/// Everything.
pub(crate) fn snapshot_event(view: &PageView) -> String {
    let mut data = format!(
        "{{\"mood\":{},\"token\":{},\"now\":{},\"processes\":[",
        json_text(view.mood.name()),
        json_text(&view.token),
        view.now.wall.as_secs(),
    );
    for (position, info) in view.processes.iter().enumerate() {
        if position > 0 {
            data.push(',');
        }
        data.push_str(&process_json(info));
    }
    format!("event: snapshot\ndata: {data}]}}\n\n")
}

fn process_json(info: &ProcessInfo) -> String {
    format!(
        "{{\"id\":{},\"group\":{},\"name\":{},\"state\":{},\"pid\":{},\"start\":{},\"now\":{},\"description\":{}}}",
        json_text(&label(&info.group, &info.name)),
        json_text(&info.group),
        json_text(&info.name),
        json_text(info.state.name()),
        info.pid,
        info.start,
        info.now,
        json_text(&info.description),
    )
}
