//! Nothing: the benches beside are what is here.
