//! HTTP/1.0 and 1.1, both ends, as machines that know bytes and no sockets.
//!
//! - [`server::Connection`]: bytes in, requests out; responses in, bytes out.
//! - [`client::Receiver`]: bytes in, a response out, piece by piece.
//! - [`auth::Gate`]: who may use a server.
//! - [`form`]: percent encoding, queries, forms.
//!
//! What is asked for, and how it is answered, is not known here: XML-RPC calls are read by
//! [`xmlrpc`](crate::xmlrpc) and carried out by [`rpc`](crate::rpc). `docs/http.md` has addresses and
//! limits.

pub mod auth;
mod buffer;
pub mod client;
pub mod form;
mod message;
pub mod server;

pub use message::{Headers, Method, Request, Response, Status};

/// Largest request or response head in bytes: request line and headers. Apache and nginx allow
/// 8 KiB a line and some tens of lines.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most headers in a head; more is an error. httparse needs room for them on the stack.
pub const HEADERS_MAX: usize = 100;
/// Largest request body in bytes.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Where a head ends in `data`, which starts with it: behind the empty line. `from` is where an
/// earlier search without result left off; the second value is where the next one may begin.
fn head_end(data: &[u8], from: usize) -> Result<usize, usize> {
    let mut line_start = from;
    while let Some(rest) = data.get(line_start..) {
        let Some(length) = rest.iter().position(|c| *c == b'\n') else {
            break;
        };
        if line_start > 0 && matches!(rest.get(..length), Some([] | [b'\r'])) {
            return Ok(line_start + length + 1);
        }
        line_start += length + 1;
    }
    Err(line_start)
}
