//! Finding a phone number in texts: its digits, wherever they stand.

use crate::base::PhoneNumber;

/// Whether a text names the number: its digits in a row, with nothing before them but a plus or two zeros, and no
/// further digit behind.
pub(super) fn names(text: &[u8], number: &PhoneNumber) -> bool {
    places(text, number).next().is_some()
}

/// Where the digits begin, each time that a text names the number.
pub(super) fn places(text: &[u8], number: &PhoneNumber) -> impl Iterator<Item = usize> {
    let digits = number.digits().as_bytes();
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = from + find(text.get(from..)?, digits)?;
            from = begin + 1;
            let before = text.get(..begin)?;
            let before = before.strip_suffix(b"00").unwrap_or(before);
            let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
            if !is_digit(before.last()) && !is_digit(text.get(begin + digits.len())) {
                return Some(begin);
            }
        }
    })
}

/// Whether a value of this form names the number.
pub(super) fn form_names(form: &[u8], number: &PhoneNumber) -> bool {
    // Digits need no escape, and nobody escapes them; who did would be found all the same.
    let escaped = form.windows(3).any(|three| three.starts_with(b"%3") && three[2].is_ascii_digit());
    (escaped || find(form, number.digits().as_bytes()).is_some())
        && form_urlencoded::parse(form).any(|(_, value)| names(value.as_bytes(), number))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| byte == first)?;
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_digits_and_no_other_is() {
        let number = PhoneNumber::sender("+393331234567").unwrap();
        for text in [
            "whatsapp:+393331234567",
            "393331234567",
            "to 00393331234567.",
            "a393331234567b",
            "3393331234567 393331234567",
        ] {
            assert!(names(text.as_bytes(), &number), "{text}");
        }
        for text in ["", "+3933312345678", "1393331234567", "+39333123456", "+39 333 1234567"] {
            assert!(!names(text.as_bytes(), &number), "{text}");
        }
        for form in [
            "To=whatsapp%3A%2B393331234567",
            "WaId=393331234567&a=b",
            "x=%20393331234567",
            "x=%33933%331234567",
        ] {
            assert!(form_names(form.as_bytes(), &number), "{form}");
        }
        for form in ["To=whatsapp%3A%2B3933312345670", "393331234567=name"] {
            assert!(!form_names(form.as_bytes(), &number), "{form}");
        }
    }
}
