//! Where problems are said to be, and what a text that is no TOML leads to.

use super::*;

#[test]
fn columns_count_characters() {
    let text = "['è…🎉']\n[applications.demo]\nparameters = { 'città' = '🎉', x = inf }\n\
                WHATSAPP = { 'ambiente è' = 1, environment = 'simulator' }\n";
    let expected = "UNKNOWN_KEY 1:2 unknown key `è…🎉` at the top level\n\
                    INVALID_VALUE 3:35 `x` is no number that JSON has\n\
                    UNKNOWN_KEY 4:14 unknown key `ambiente è` in `[applications.demo.WHATSAPP]`";
    assert_eq!(brief(text).join("\n"), expected);
    assert_eq!(brief("\u{feff}x = 1"), ["UNKNOWN_KEY 1:1 unknown key `x` at the top level"]);
}

#[test]
fn syntax_errors_come_with_everything_else_and_no_guesses() {
    check(
        brief,
        &[
            (
                "[host]\nlisten = 127.0.0.1:8080\ndata_dir = 1\n[simulator]\nlisten = \"127.0.0.1:1\nrules = 'x'\n",
                "PARAMS_SYNTAX 2:15 this is not TOML: invalid float\n\
             WRONG_TYPE 3:12 `data_dir` must be a text, not a whole number\n\
             PARAMS_SYNTAX 5:22 this is not TOML: invalid basic string, expected `\"`\n\
             INVALID_VALUE 6:9 `rules` must be \"open\", \"sandbox\" or \"production\"",
            ),
            (
                "[applications.demo.WHATSAPP\nenvironment = 'simulator'\nfrom = 'x'\n[host]\nport = 1",
                "PARAMS_SYNTAX 1:28 this is not TOML: unclosed table, expected `]`\n\
             UNKNOWN_KEY 5:1 unknown key `port` in `[host]`",
            ),
            (
                "[applications..WHATSAPP]\nenvironment = 'x'",
                "PARAMS_SYNTAX 1:15 this is not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`",
            ),
            (
                "[host]\ndata_dir = 'a'\ndata_dir = 'b'\n[host]\nlisten = 1",
                "PARAMS_SYNTAX 3:1 this is not TOML: duplicate key `data_dir`, which is on line 2 already\n\
             PARAMS_SYNTAX 4:2 this is not TOML: duplicate section `[host]`, which is on line 1 already\n\
             WRONG_TYPE 5:10 `listen` must be a text, not a whole number",
            ),
            (
                "[applications.demo.WHATSAPP]\nauth_key = \"\"\"\nenvironment = 'simulator'\n",
                "INVALID_VALUE 2:12 `auth_key` is not a key: it has blanks around it, or a line break inside\n\
             PARAMS_SYNTAX 4:1 this is not TOML: invalid multi-line basic string, expected `\"`",
            ),
            ("x", "PARAMS_SYNTAX 1:2 this is not TOML: key with no value, expected `=`"),
        ],
    );
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app-params.toml");
    let problem = || {
        let problems = load(&file).unwrap_err();
        rendered(&problems).replace(&*folder.path().to_string_lossy(), "/folder")
    };
    insta::assert_snapshot!(problem(), @r"
    error[PARAMS_UNREADABLE]: the parameter file can't be read: No such file or directory (os error 2)
      --> /folder/app-params.toml
    help: name the file with `--params FILE`; without it, it is `app-params.toml` in the current folder
    ");
    std::fs::write(&file, b"# ok\n# \xc3\xa8 \xe8\n").unwrap();
    insta::assert_snapshot!(problem(), @r"
    error[PARAMS_UNREADABLE]: the file is not UTF-8
      --> /folder/app-params.toml:2:5
    help: save the file with the encoding UTF-8
    ");
    std::fs::write(&file, " ".repeat(2_000_000)).unwrap();
    insta::assert_snapshot!(problem(), @r"
    error[PARAMS_UNREADABLE]: the file is larger than 1 MB
      --> /folder/app-params.toml
    help: check that this is the parameter file
    ");
}
