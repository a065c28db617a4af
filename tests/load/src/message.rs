//! The stanzas that are sent.

/// A chat message of [`MESSAGE_BYTES`] as clients send it: body, chat state (XEP-0085), receipt request (XEP-0184) and origin
/// id (XEP-0359). The XML benchmark reads the same.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    /// Where the number stands.
    places: Vec<usize>,
    number: u32,
}

pub(crate) const MESSAGE_BYTES: usize = 367;
const NUMBER: &str = "NNNNNNNN";
const BODY: &str =
    "Wherefore art thou, Romeo? Deny thy father &amp; refuse thy name; or, if thou wilt not, be but sworn my love.";

impl Message {
    /// To this full JID.
    pub(crate) fn chat(to: &str) -> Message {
        let start = format!("<message to='{to}' type='chat' id='ab45-{NUMBER}' xml:lang='en'><body>");
        let end = format!(
            "</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>\
            <origin-id xmlns='urn:xmpp:sid:0' id='ab45-{NUMBER}'/></message>"
        );
        // Cut within the reference it would not be well-formed; the room is beyond it.
        let room = MESSAGE_BYTES.saturating_sub(start.len() + end.len()).max(BODY.len() / 2);
        let body = if room <= BODY.len() { BODY[..room].to_owned() } else { format!("{BODY:.<room$}") };
        Message::new(format!("{start}{body}{end}"))
    }

    /// A ping to the server (XEP-0199).
    pub(crate) fn ping(to: &str) -> Message {
        Message::new(format!("<iq to='{to}' type='get' id='p-{NUMBER}'><ping xmlns='urn:xmpp:ping'/></iq>"))
    }

    fn new(text: String) -> Message {
        let places = text.match_indices(NUMBER).map(|(place, _)| place).collect();
        Message { bytes: text.into_bytes(), places, number: 0 }
    }

    /// Appends the next one; each has another number.
    pub(crate) fn write_next(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let mut rest = self.number;
        self.number = self.number.wrapping_add(1);
        for digit in (0..NUMBER.len()).rev() {
            let byte = b'0' + (rest % 10) as u8;
            rest /= 10;
            for place in &self.places {
                out[start + place + digit] = byte;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_size_and_their_number() {
        let mut message = Message::chat("load-0001@localhost/load");
        let mut out = Vec::new();
        message.write_next(&mut out);
        message.write_next(&mut out);
        assert_eq!(out.len(), 2 * MESSAGE_BYTES);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("ab45-00000000").count(), 2);
        assert_eq!(text.matches("ab45-00000001").count(), 2);
        assert!(text.ends_with("</message>"));
    }
}
