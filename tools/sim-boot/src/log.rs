//! The simulator's log: one line of text with the name of who said it in front.

use std::fmt;

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The firmware at VMPL0.
    Svsm,
    /// The guest.
    Guest,
    /// The hardware model: measurement, violations, the reason of a stop.
    Hardware,
    /// The hypervisor model.
    Hypervisor,
    /// An event of the trace.
    Trace,
    /// Anything without a known prefix.
    Unknown,
}

const PREFIXES: [(&str, Origin); 5] = [
    ("[svsm] ", Origin::Svsm),
    ("[guest] ", Origin::Guest),
    ("[hw] ", Origin::Hardware),
    ("[hv] ", Origin::Hypervisor),
    ("[trace] ", Origin::Trace),
];

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who wrote it.
    pub origin: Origin,
    /// What it says, without the prefix and with control characters taken out.
    pub text: String,
}

impl Line {
    /// Splits prefix and text.
    pub fn parse(bytes: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(bytes)
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        for (prefix, origin) in PREFIXES {
            if let Some(rest) = text.strip_prefix(prefix) {
                return Self {
                    origin,
                    text: rest.into(),
                };
            }
        }
        Self {
            origin: Origin::Unknown,
            text,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = PREFIXES
            .iter()
            .find(|(_, origin)| *origin == self.origin)
            .map_or("", |(prefix, _)| prefix);
        write!(f, "{prefix}{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The prefixes are those of the simulator's documentation.
    #[test]
    fn line_with_prefix_names_its_origin_and_loses_control_characters() {
        let line = Line::parse(b"[hw] stopped: VMPL2 write\x1b[31m to 0xc0001000\r\n");
        assert_eq!(line.origin, Origin::Hardware);
        assert_eq!(line.text, "stopped: VMPL2 write[31m to 0xc0001000");
        assert_eq!(Line::parse(b"SeaBIOS\r\n").origin, Origin::Unknown);
    }
}
