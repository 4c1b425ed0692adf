//! `system.*`.

use super::call::find;
use super::fault::FaultKind;
use super::methods::{SUPERVISOR, SYSTEM};
use super::task::Outcome;
use super::view::texts;
use crate::xmlrpc::Value;
use alloc::{format, string::String, vec::Vec};

pub(super) fn list_methods(namespaces: &[String]) -> Value {
    let own = SYSTEM.iter().map(|m| format!("system.{}", m.name));
    let served = namespaces.iter().flat_map(|space| {
        SUPERVISOR
            .iter()
            .map(move |m| format!("{space}.{}", m.name))
    });
    let mut names: Vec<String> = own.chain(served).collect();
    names.sort_unstable();
    texts(names)
}

pub(super) fn method_help(namespaces: &[String], name: &str) -> Outcome {
    find(namespaces, name)
        .map(|method| Value::from(method.help))
        .ok_or_else(|| FaultKind::SignatureUnsupported.bare())
}

pub(super) fn method_signature(namespaces: &[String], name: &str) -> Outcome {
    find(namespaces, name)
        .map(|method| texts(method.types.iter().map(|t| String::from(*t))))
        .ok_or_else(|| FaultKind::SignatureUnsupported.bare())
}
