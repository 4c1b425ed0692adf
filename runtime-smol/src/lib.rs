//! visor-smol
