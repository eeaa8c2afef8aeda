//! Encryption of the first parameter and the first response parameter (Part 1 §21).
