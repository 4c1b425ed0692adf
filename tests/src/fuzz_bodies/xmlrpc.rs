//! A document means the same however it is cut, and what is written of it reads back.

use super::{cuts, seeded};
use visor_core::xmlrpc::{DecodeError, Decoder, Limits, Message, decode, decode_within, encode};

const LIMITS: Limits = Limits {
    depth: 16,
    bytes: 1 << 20,
    values: 1000,
};

/// The first byte decides the cuts, the rest is a document.
///
/// # Panics
/// If the codec breaks its promise.
pub fn run(data: &[u8]) {
    let (seed, document) = seeded(data);
    let [whole, single, pieces] = cuts(document, seed).map(|reads| read(&reads));
    assert_eq!(shown(&whole), shown(&decode_within(document, LIMITS)));
    assert_eq!(shown(&whole), shown(&single));
    assert_eq!(shown(&whole), shown(&pieces));
    if let Ok(message) = whole {
        let text = encode(&message);
        let again = decode(text.as_bytes()).expect("what is written is well-formed");
        // XML knows one line end; what a document wrote as a reference is read as that one.
        let one_line_end = text.replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(encode(&again), one_line_end);
    }
}

fn read(reads: &[&[u8]]) -> Result<Message, DecodeError> {
    let mut decoder = Decoder::new(LIMITS);
    for read in reads {
        decoder.feed(read)?;
    }
    decoder.finish()
}

/// As text: not a number is not equal to itself. Where a document breaks several rules, the cuts
/// decide which of them is named.
fn shown(result: &Result<Message, DecodeError>) -> String {
    result
        .as_ref()
        .map_or_else(|_| String::from("refused"), encode)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_holds_on_many_inputs() {
        super::super::try_many(
            super::run,
            &[
                b"<?xml version='1.0'?>",
                b"<methodCall><methodName>a.b</methodName><params><param>",
                b"</param></params></methodCall>",
                b"<value><int>5</int></value>",
                b"<value>x&#13;\r\ny&amp;</value>",
                b"<value><struct><member><name>n</name>",
                b"</member></struct></value>",
                b"<value><array><data>",
                b"</data></array></value>",
                b"<value><double>nan</double></value>",
                b"<value><base64>AAEC</base64></value>",
                b"<value><nil/></value>",
                b"<!-- c -->",
                b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n",
                b"</param>\n</params>\n</methodResponse>\n",
                b"<value><string>a&lt;b</string></value>\n",
                b"<value><struct>\n<member>\n<name>n</name>\n",
                b"</member>\n</struct></value>\n",
                b"<value><array><data>\n",
                b"</data></array></value>\n",
                b"<value><boolean>1</boolean></value>\n",
                b"<!DOCTYPE x>",
                b" \n",
            ],
        );
    }
}
