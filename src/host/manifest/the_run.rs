//! The run itself: its result, its log, the parameters it is given.

use super::{example, parameter, returns};
use crate::host::functions::{Body, Function};
use crate::host::parameters;

pub(super) static SET_RETURN_VALUE: Function = Function {
    name: "setReturnValue",
    parameters: &[parameter("value", "unknown", "a string, or anything that JSON can hold")],
    otherwise: &[],
    returns: returns("void", ""),
    documentation: "Sets the run's result. A `return` of anything but undefined wins over it.",
    throws: &[],
    example: example!("setReturnValue"),
    global: false,
    body: Body::Worker,
};

pub(super) static LOG: Function = Function {
    name: "log",
    parameters: &[
        parameter("message", "unknown", "a text, or a value to look at"),
        parameter("level", "LogLevel | null", "`debug`, `info` (default), `warn` or `error`"),
    ],
    otherwise: &[],
    returns: returns("void", ""),
    documentation: "Logs a line.",
    throws: &[],
    example: example!("log"),
    global: false,
    body: Body::Worker,
};

pub(super) static GET_PARAMETER: Function = Function {
    name: "getParameter",
    parameters: &[parameter("name", "string", "the key in `[applications.<appId>.parameters]`")],
    otherwise: &[],
    returns: returns(
        "any",
        "text, number, boolean, list or object; undefined where there is none of that name",
    ),
    documentation: "One of the application's own parameters, which an administrator sets.",
    throws: &[],
    example: example!("getParameter"),
    global: false,
    body: Body::Host(parameters::get_parameter),
};
