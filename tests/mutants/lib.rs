//! Nothing: a package must have a library. What counts are its tests, see `tests/mutants/run`.
