//! Writes call statistics as a `.prof` file.

use crate::marshal::Value;
use pitstop_analysis::CallTable;
use pitstop_analysis::calls::{Caller, Label};

/// The bytes of a `.prof` file with these functions, in their order.
pub fn prof_bytes(table: &CallTable) -> Vec<u8> {
    let mark = table.is_sampled.then(|| {
        let key = Value::Tuple(vec![Value::Text("__sampled__".to_owned())]);
        (key, Value::Bool(true))
    });
    let entries = table.functions().iter().map(|function| {
        let callers = function.callers.iter();
        let callers = callers.map(|(label, caller)| (key(label), caller_value(*caller)));
        let fields = vec![
            Value::Int(function.primitive),
            Value::Int(function.calls),
            Value::Float(function.own_s),
            Value::Float(function.total_s),
            Value::Dict(callers.collect()),
        ];
        (key(&function.label), Value::Tuple(fields))
    });
    let mut bytes = Vec::new();
    Value::Dict(mark.into_iter().chain(entries).collect()).write(&mut bytes);
    bytes
}

fn key(label: &Label) -> Value {
    Value::Tuple(vec![
        Value::Text(label.file.to_string()),
        Value::Signed(label.line),
        Value::Text(label.name.to_string()),
    ])
}

fn caller_value(caller: Caller) -> Value {
    match caller {
        Caller::Count(calls) => Value::Int(calls),
        // All calls come first here; in the entry of a function the primitive ones do.
        Caller::Timed {
            calls,
            primitive,
            own_s,
            total_s,
        } => Value::Tuple(vec![
            Value::Int(calls),
            Value::Int(primitive),
            Value::Float(own_s),
            Value::Float(total_s),
        ]),
    }
}
