/// Appends `text` as character data.
pub fn text(_out: &mut Vec<u8>, _text: &str) { todo!() }
/// Appends `value` as the inside of an attribute value, safe within either quote.
pub fn attribute(_out: &mut Vec<u8>, _value: &str) { todo!() }
