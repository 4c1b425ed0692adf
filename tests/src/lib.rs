//! visor-tests
