//! `Debug` for types that hold people's numbers or words: it ends in logs and in the messages of failed tests.

/// Implements `Debug` with these fields alone.
macro_rules! debug_only {
    ($type:ident { $($field:ident),* }) => {
        /// Without people's numbers and words.
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($type));
                $(shown.field(stringify!($field), &self.$field);)*
                shown.finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use debug_only;

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_is_named_is_shown() {
        struct Row {
            id: u32,
            to: String,
        }
        debug_only!(Row { id });
        let row = Row { id: 7, to: "+393331234567".to_owned() };
        assert_eq!((format!("{row:?}"), row.to.len()), ("Row { id: 7, .. }".to_owned(), 13));
    }
}
