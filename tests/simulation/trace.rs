//! What happened, step by step: as a hash that two runs of a seed must share, and as text for the person who reads.

use std::collections::VecDeque;

/// How much of the text is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: the hash is enough to find a seed that fails.
    Nothing,
    /// The last steps.
    Last(usize),
    /// It is printed as it happens.
    Print,
}

#[derive(Debug)]
pub struct Trace {
    keep: Keep,
    hash: u64,
    steps: u64,
    lines: VecDeque<String>,
}

impl Trace {
    pub fn new(keep: Keep) -> Self {
        Self { keep, hash: 0xCBF2_9CE4_8422_2325, steps: 0, lines: VecDeque::new() }
    }

    /// A thread has come to a point.
    pub fn step(&mut self, thread: usize, name: &str, point: &str) {
        self.steps += 1;
        self.mix(&[u8::try_from(thread % 251).unwrap()]);
        self.mix(point.as_bytes());
        if self.keep != Keep::Nothing {
            self.line(format!("{:>6} {name:<10} {point}", self.steps));
        }
    }

    /// Something worth telling.
    pub fn note(&mut self, text: &str) {
        self.mix(text.as_bytes());
        if self.keep != Keep::Nothing {
            self.line(format!("       {:<10} · {text}", ""));
        }
    }

    fn mix(&mut self, bytes: &[u8]) {
        // FNV-1a.
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn line(&mut self, line: String) {
        match self.keep {
            Keep::Nothing => {}
            Keep::Print => println!("{line}"),
            Keep::Last(most) => {
                if self.lines.len() == most {
                    self.lines.pop_front();
                }
                self.lines.push_back(line);
            }
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
