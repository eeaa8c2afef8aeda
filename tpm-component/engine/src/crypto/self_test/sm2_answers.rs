//! The examples of GM/T 0003.5 (GB/T 32918.5) on the curve SM2_P256, in hexadecimal.
//!
//! Nothing of them is secret. Annex A has the signature of "message digest", Annex B the exchange, from whose shared point U, which follows from the four
//! private keys, the key 6c893473 54de2484 c60b4ab1 fde4c6e5 is derived.

/// The signer's private key.
pub const PRIVATE: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
/// Its point.
pub const POINT: &str = concat!(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020",
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
);
/// The nonce.
pub const NONCE: &str = "59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21";
/// e: the SM3 digest of the signer's identity and the message.
pub const DIGEST: &str = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640";
/// The first half of the signature.
pub const R: &str = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3";
/// The second half.
pub const S: &str = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

/// The static and the ephemeral private key of A.
pub const EXCHANGE_A: [&str; 2] = [
    "81eb26e941bb5af16df116495f90695272ae2cd63d6c4ae1678418be48230029",
    "d4de15474db74d06491c440d305e012400990f3e390c7e87153c12db2ea60bb3",
];
/// Those of B.
pub const EXCHANGE_B: [&str; 2] = [
    "785129917d45a9ea5437a59356b82338eaadda6ceb199088f14ae10defa229b5",
    "7e07124814b309489125eaed101113164ebf0f3458c5bd88335c1f9d596243d6",
];
/// What they share.
pub const SHARED: &str = concat!(
    "c558b44bee5301d9f52b44d939bb59584d75b9034dd6a9fc826872109a65739f",
    "3252b35b191d8ae01cd122c025204334c5eacf68a0cb4854c6a7d367ecad4de7"
);
