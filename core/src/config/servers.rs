//! `[inet_http_server]`, `[unix_http_server]` and `[rpcinterface:x]`.

use super::expand::Value;
use super::reader::{Label, Names, Reader, name_part};
use super::schema::{MAIN_RPC_FACTORY, NO_PYTHON, names_object, other, server as key};
use super::{Credentials, ServerAddress, ServerConfig, values};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// Reads all servers: inet first, as they are opened.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Vec<ServerConfig> {
    let mut servers = Vec::new();
    for section in reader.sections("inet_http_server") {
        let credentials = credentials(reader, section);
        let given = reader.source.document.value(section, key::PORT.name);
        if given.is_none() {
            let text = format!("section [{section}] has no port value");
            reader.fail(section, "", &text);
        }
        let address = reader.get(section, &key::PORT, Names::default(), values::inet_address);
        let (host, port) = address.unwrap_or_default();
        servers.push(ServerConfig {
            section: section.to_owned(),
            address: ServerAddress::Tcp { host, port },
            credentials,
        });
    }
    for section in reader.sections("unix_http_server") {
        servers.push(unix(reader, section));
    }
    servers
}

fn unix(reader: &mut Reader<'_, '_>, section: &str) -> ServerConfig {
    let here = [("here", Value::Text(reader.source.here))];
    if reader
        .source
        .document
        .value(section, key::FILE.name)
        .is_none()
    {
        let text = format!("section [{section}] has no file value");
        reader.fail(section, "", &text);
    }
    let file = reader.text(section, &key::FILE, Names::fixed(&here));
    let path = reader.absolute(super::scan::py_strip(&file.unwrap_or_default()));
    let credentials = credentials(reader, section);
    let none = Names::default();
    let owner = reader.get_with(section, &key::CHOWN, none, |lookups, text| {
        values::owner(text, lookups).ok_or_else(|| format!("Invalid sockchown value {text}"))
    });
    let mode = reader.get(section, &key::CHMOD, none, |text| {
        values::octal(text).map_err(|_| format!("Invalid chmod value {text}"))
    });
    let mode = mode.unwrap_or_default();
    ServerConfig {
        section: section.to_owned(),
        address: ServerAddress::Unix { path, mode, owner },
        credentials,
    }
}

/// Name and password: both or neither.
fn credentials(reader: &mut Reader<'_, '_>, section: &str) -> Option<Credentials> {
    let none = Names::default();
    let username = reader.text(section, &key::USERNAME, none);
    let password = reader.text(section, &key::PASSWORD, none);
    let given = |key: &str| reader.source.document.value(section, key).is_some();
    if given(key::USERNAME.name) != given(key::PASSWORD.name) {
        let text = format!(
            "Section [{section}] contains incomplete authentication: If a username or a password is specified, both the username and password must be specified"
        );
        reader.fail(section, "", &text);
    }
    Some(Credentials {
        username: username?.into_owned(),
        password: password?.into_owned(),
    })
}

/// Reads the RPC interfaces: the names of those that use the built-in factory.
pub(super) fn rpc_interfaces(reader: &mut Reader<'_, '_>) -> Vec<String> {
    let mut interfaces = Vec::new();
    for section in reader.sections("rpcinterface:") {
        let given = reader
            .source
            .document
            .value(section, other::RPC_FACTORY.name);
        if given.is_none() {
            let text = format!(
                "section [{section}] does not specify a {}",
                other::RPC_FACTORY.name
            );
            reader.fail(section, "", &text);
            continue;
        }
        let Some(factory) = reader.text(section, &other::RPC_FACTORY, Names::default()) else {
            continue;
        };
        if !names_object(&factory, MAIN_RPC_FACTORY) {
            let text = format!("{factory} cannot be resolved within [{section}]: {NO_PYTHON}");
            reader.fail(section, other::RPC_FACTORY.name, &text);
            continue;
        }
        for key in reader.source.document.keys(section) {
            if key == other::RPC_FACTORY.name {
                continue;
            }
            let raw = reader.source.document.value(section, key).unwrap_or("");
            reader.expand(section, key, Label::Whole, raw, Names::default());
        }
        interfaces.push(name_part(section));
    }
    interfaces
}

/// The built-in interface takes no arguments. The reference finds out when it opens its servers,
/// so without any of them nobody notices; the same holds here.
pub(super) fn check_rpc_arguments(reader: &mut Reader<'_, '_>) {
    for section in reader.sections("rpcinterface:") {
        let mut keys = reader.source.document.keys(section);
        if let Some(key) = keys.find(|key| *key != other::RPC_FACTORY.name) {
            let text = format!("Could not make {} rpc interface", name_part(section));
            reader.fail(section, key, &text);
        }
    }
}
