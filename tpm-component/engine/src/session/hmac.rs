//! Session keys and the HMACs of commands and responses (Part 1 §19.6).
