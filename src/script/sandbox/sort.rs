//! `sort` and `toSorted` with a comparison function, for lists and typed arrays.
//!
//! The engine hands the comparisons to Rust's own sort, which panics where they contradict each other. JavaScript allows
//! that (<https://tc39.es/ecma262/#sec-sortindexedproperties>: the order is then implementation-defined), and people
//! shuffle with `sort(() => Math.random() - 0.5)`. So the comparisons are made here, by a merge sort that takes any answer.
//! Without a comparison function the order is the engine's, and so is what it does.

use std::cmp::Ordering;

use boa_engine::object::builtins::{JsArray, JsFunction, JsTypedArray};
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::PropertyDescriptor;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string};

/// What is sorted, and where the sorted values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sorting {
    /// `Array.prototype.sort`: in place, places without a value last.
    Array,
    /// `Array.prototype.toSorted`: into a new list.
    NewArray,
    /// `%TypedArray%.prototype.sort`
    TypedArray,
    /// `%TypedArray%.prototype.toSorted`
    NewTypedArray,
}

/// Replaces the engine's methods; before anything is frozen.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let constructors = context.intrinsics().constructors();
    let (array, typed) = (constructors.array().prototype(), constructors.typed_array().prototype());
    for (prototype, name, sorting) in [
        (&array, js_string!("sort"), Sorting::Array),
        (&array, js_string!("toSorted"), Sorting::NewArray),
        (&typed, js_string!("sort"), Sorting::TypedArray),
        (&typed, js_string!("toSorted"), Sorting::NewTypedArray),
    ] {
        replace(prototype, name, sorting, context)?;
    }
    Ok(())
}

fn replace(prototype: &JsObject, name: JsString, sorting: Sorting, context: &mut Context) -> JsResult<()> {
    let missing = || JsNativeError::typ().with_message("the engine lacks a function");
    let engines: JsFunction = prototype.get(name.clone(), context)?.as_function().ok_or_else(missing)?;
    let native = NativeFunction::from_copy_closure_with_captures(
        move |this, arguments, engines: &JsFunction, context| match arguments
            .get_or_undefined(0)
            .as_callable()
        {
            Some(compare) => sort(sorting, this, &compare, context),
            None => engines.call(this, arguments, context),
        },
        engines,
    );
    let function = FunctionObjectBuilder::new(context.realm(), native).name(name.clone()).length(1).build();
    let method =
        PropertyDescriptor::builder().value(function).writable(true).enumerable(false).configurable(true);
    prototype.define_property_or_throw(name, method.build(), context)?;
    Ok(())
}

fn sort(sorting: Sorting, this: &JsValue, compare: &JsObject, context: &mut Context) -> JsResult<JsValue> {
    let object = this.to_object(context)?;
    if matches!(sorting, Sorting::TypedArray | Sorting::NewTypedArray) {
        JsTypedArray::from_object(object.clone())?;
    }
    let length = object.get(js_string!("length"), context)?.to_length(context)?;
    let mut values = Vec::new();
    for index in 0..length {
        // `sort` leaves out places without a value; the others read them as undefined.
        if sorting != Sorting::Array || object.has_property(index, context)? {
            values.push(object.get(index, context)?);
        }
    }
    // Undefined comes last without being compared.
    let (mut values, undefined): (Vec<_>, Vec<_>) =
        values.into_iter().partition(|value| !value.is_undefined());
    merge_sort(&mut values, &mut |a, b| order(a, b, compare, context))?;
    values.extend(undefined);
    match sorting {
        Sorting::NewArray => Ok(JsArray::from_iter(values, context).into()),
        Sorting::NewTypedArray => {
            let sorted = object.get(js_string!("slice"), context)?.as_callable();
            let missing = || JsNativeError::typ().with_message("not a typed array");
            let sorted = sorted.ok_or_else(missing)?.call(&object.clone().into(), &[], context)?;
            let sorted = sorted.as_object().ok_or_else(missing)?;
            put(&sorted, values, context)?;
            Ok(sorted.into())
        }
        Sorting::Array | Sorting::TypedArray => {
            let written = u64::try_from(values.len()).unwrap_or(u64::MAX);
            put(&object, values, context)?;
            for index in written..length {
                object.delete_property_or_throw(index, context)?;
            }
            Ok(object.into())
        }
    }
}

fn put(object: &JsObject, values: Vec<JsValue>, context: &mut Context) -> JsResult<()> {
    for (index, value) in (0_u64..).zip(values) {
        object.set(index, value, true, context)?;
    }
    Ok(())
}

/// What a comparison function says of two values.
fn order(a: &JsValue, b: &JsValue, compare: &JsObject, context: &mut Context) -> JsResult<Ordering> {
    let said = compare.call(&JsValue::undefined(), &[a.clone(), b.clone()], context)?.to_number(context)?;
    Ok(said.partial_cmp(&0.0).unwrap_or(Ordering::Equal))
}

/// Sorts from the bottom up: runs of one, two, four … are merged, what is equal stays in its order. Ends whatever the
/// comparisons say, after at most n·log₂ n of them.
fn merge_sort<T: Clone, E>(
    values: &mut Vec<T>,
    compare: &mut impl FnMut(&T, &T) -> Result<Ordering, E>,
) -> Result<(), E> {
    let mut width = 1;
    while width < values.len() {
        let mut merged = Vec::with_capacity(values.len());
        for pair in values.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
                if compare(a, b)? == Ordering::Greater {
                    merged.push(b.clone());
                    right = right_rest;
                } else {
                    merged.push(a.clone());
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        *values = merged;
        width *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_sorts_as_rust_does_and_what_is_equal_stays_in_order(values: Vec<(u8, u8)>) {
            let mut sorted = values.clone();
            merge_sort(&mut sorted, &mut |a, b| Ok::<_, ()>(a.0.cmp(&b.0))).unwrap();
            let mut expected = values;
            expected.sort_by_key(|value| value.0);
            prop_assert_eq!(sorted, expected);
        }

        #[test]
        fn answers_that_contradict_each_other_lose_nothing(values: Vec<u8>, answers: Vec<i8>) {
            let mut answers = answers.into_iter().cycle();
            let mut sorted = values.clone();
            merge_sort(&mut sorted, &mut |_, _| Ok::<_, ()>(answers.next().unwrap_or(0).cmp(&0))).unwrap();
            let mut values = values;
            values.sort_unstable();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, values);
        }
    }
}
