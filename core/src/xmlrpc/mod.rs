//! XML-RPC: what clients and daemon say to each other.
//!
//! [`decode`] and [`Decoder`] read what clients of all ages send; [`encode`] writes byte for byte
//! what Python's `xmlrpc.client.dumps` writes, because that is what every client was tried with.
//!
//! ```
//! use visor_core::xmlrpc::{Message, Value, decode, encode};
//! let call = Message::Call { method: "supervisor.startProcess".into(), params: vec![Value::from("web")] };
//! assert_eq!(decode(encode(&call).as_bytes()), Ok(call));
//! ```

#[cfg(test)]
mod bounds;
mod canonical;
#[cfg(test)]
mod cases;
mod decode;
mod encode;

pub(crate) use decode::number::py_int;
pub use decode::{DecodeError, Decoder, Limits, decode, decode_within};
pub(crate) use encode::{Writer, Written, append_value, fault_value, py_float};
pub use encode::{encode, encode_into, fault_into, response_into};

use alloc::{borrow::Cow, string::String, vec::Vec};

/// The name of a struct's member. Those of our own answers are not allocated.
pub type Name = Cow<'static, str>;

/// A value.
///
/// ```
/// use visor_core::xmlrpc::Value;
/// let info = Value::Struct(vec![("pid".into(), Value::Int(7))]);
/// assert_eq!(info.member("pid").and_then(Value::as_int), Some(7));
/// assert_eq!(info.member("name"), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `<nil/>`, an extension; clients that know it send it for Python's None.
    Nil,
    /// `<int>`, `<i4>` and wider. Beyond 64 bits the nearest that fits.
    Int(i64),
    /// `<boolean>`.
    Bool(bool),
    /// `<double>`.
    Double(f64),
    /// `<string>`, or a bare `<value>text</value>`.
    Str(String),
    /// `<dateTime.iso8601>`, as it was sent.
    DateTime(String),
    /// `<base64>`, decoded.
    Base64(Vec<u8>),
    /// `<array>`.
    Array(Vec<Self>),
    /// `<struct>`: members in the order they were first named; names are unique.
    Struct(Vec<(Name, Self)>),
}

impl Value {
    /// A text from bytes of a log: what is not UTF-8 becomes U+FFFD, so that the answer is
    /// well-formed whatever a child wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::Str(String::from_utf8_lossy(bytes).into_owned())
    }

    /// A member of a struct; `None` for what is no struct or has no such member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            Self::Nil
            | Self::Int(_)
            | Self::Bool(_)
            | Self::Double(_)
            | Self::Str(_)
            | Self::DateTime(_)
            | Self::Base64(_)
            | Self::Array(_) => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number of an integer.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// The truth of a boolean.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self {
            Some(*truth)
        } else {
            None
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(values) = self {
            Some(values)
        } else {
            None
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// One document.
///
/// ```
/// use visor_core::xmlrpc::{Message, decode, encode};
/// let fault = Message::Fault { code: 10, text: "BAD_NAME: web".into() };
/// assert_eq!(decode(encode(&fault).as_bytes()), Ok(fault));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// `<methodCall>`.
    Call {
        /// What is called; never empty.
        method: String,
        /// With which arguments.
        params: Vec<Value>,
    },
    /// `<methodResponse>` with a result.
    Response(Value),
    /// `<methodResponse>` with a fault.
    Fault {
        /// Number of the fault.
        code: i64,
        /// `NAME` or `NAME: extra`.
        text: String,
    },
}
