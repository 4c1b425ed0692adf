//! What the fuzz targets do with their bytes. The bodies live here so that `cargo test` compiles
//! them and runs them on a few thousand inputs of its own; `fuzz/` only hands bytes over.
//!
//! Each body panics if something that must hold does not.

pub mod ansi;
pub mod capture;
pub mod config;
pub mod ctl;
pub mod http;
pub mod listener;
pub mod model;
pub mod record;
pub mod xmlrpc;

/// Cuts bytes in three ways: not at all, after each byte, and in pieces of 1 to 16 bytes that
/// `seed` decides.
fn cuts(data: &[u8], seed: u8) -> [Vec<&[u8]>; 3] {
    let mut state = u32::from(seed) | 0x100;
    let mut pieces = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let len = usize::try_from(state >> 28).unwrap_or(0) + 1;
        let (piece, tail) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    [vec![data], data.chunks(1).collect(), pieces]
}

/// A first byte for the body to use as it likes, and the rest.
fn seeded(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(b, rest)| (*b, rest))
}

/// Runs a body on inputs made of `words` and of noise: the same ones each time.
#[cfg(test)]
fn try_many(body: fn(&[u8]), words: &[&[u8]]) {
    try_some(3000, body, words);
}

/// As `try_many`, for bodies that take long.
#[cfg(test)]
fn try_some(count: u32, body: fn(&[u8]), words: &[&[u8]]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit as u64).unwrap()
    };
    for _ in 0..count {
        let mut data = vec![u8::try_from(below(256)).unwrap()];
        for _ in 0..below(12) {
            let word = words[below(words.len())];
            match below(8) {
                0 => data.extend_from_slice(&word[..below(word.len() + 1)]),
                1 => data.extend((0..below(6)).map(|_| u8::try_from(below(256)).unwrap())),
                _ => data.extend_from_slice(word),
            }
        }
        body(&data);
    }
}

/// Runs a body on the inputs of its corpus, which the fuzzer found and `fuzz/run` keeps small.
#[cfg(test)]
fn try_corpus(name: &str, body: fn(&[u8])) {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/");
    let files = std::fs::read_dir(format!("{corpus}{name}")).expect("a corpus");
    let mut count = 0;
    for file in files {
        let path = file.expect("an entry").path();
        println!("{}", path.display());
        body(&std::fs::read(path).expect("an input"));
        count += 1;
    }
    assert!(count >= 10, "{count} inputs are no corpus");
}

#[cfg(test)]
mod the_body_holds_on_what_the_fuzzer_found {
    use super::try_corpus;

    macro_rules! corpora {
        ($($name:ident)*) => {$(
            #[test]
            fn $name() {
                try_corpus(stringify!($name), super::$name::run);
            }
        )*};
    }

    corpora!(ansi capture config ctl http listener model record xmlrpc);
}
